package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// LogStream names the stream of one instance: 2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef.
func LogStream(version string, at time.Time, id string) string {
	return at.UTC().Format("2006/01/02/") + "[" + version + "]" + id
}

// StartLine opens an invocation in the log.
func StartLine(requestID, version string) string {
	return "START RequestId: " + requestID + " Version: " + version
}

// EndLine closes an invocation in the log.
func EndLine(requestID string) string { return "END RequestId: " + requestID }

// Usage is what an invocation took.
type Usage struct {
	Duration time.Duration
	// Init is zero for a warm start.
	Init    time.Duration
	PeakMB  int
	LimitMB int
	// Status is "timeout" or "error" where the invocation did not end by itself.
	Status string
	// ErrorType is Lambda's name for what went wrong, such as Runtime.ExitError.
	ErrorType string
}

// ReportLine sums an invocation up as Lambda does. What is billed is the start and the run, rounded up to a millisecond.
func ReportLine(requestID string, u Usage) string {
	billed := (u.Duration + u.Init + time.Millisecond - 1) / time.Millisecond
	s := fmt.Sprintf("REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		requestID, millis(u.Duration), billed, u.LimitMB, u.PeakMB)
	if u.Init > 0 {
		s += "Init Duration: " + millis(u.Init) + " ms\t"
	}
	if u.Status != "" {
		s += "Status: " + u.Status
		if u.ErrorType != "" {
			s += "\tError Type: " + u.ErrorType
		}
	}
	return s
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

// The error types that Lambda itself gives to a failed invocation.
const (
	ErrorTimeout     = "Sandbox.Timedout"
	ErrorExit        = "Runtime.ExitError"
	ErrorOutOfMemory = "Runtime.OutOfMemory"
	ErrorEntrypoint  = "Runtime.InvalidEntrypoint"
	ErrorResponse    = "Function.ResponseSizeTooLarge"
)

// ErrorPayload is the payload of an invocation that ended without the function's own word.
func ErrorPayload(errorType, message string) []byte {
	data, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{errorType, message})
	if err != nil {
		// Two strings always encode.
		return nil
	}
	return data
}

// TimeoutMessage is what a timed out function's caller reads.
func TimeoutMessage(requestID string, timeout time.Duration) string {
	return fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, timeout.Seconds())
}

// TimeoutLine is what a timed out function's log reads.
func TimeoutLine(requestID string, at time.Time, timeout time.Duration) string {
	return fmt.Sprintf("%s %s Task timed out after %.2f seconds", at.UTC().Format("2006-01-02T15:04:05.000Z"), requestID, timeout.Seconds())
}

// ExitMessage is what the caller of a function whose process ended reads. An empty reason is an exit with status 0.
func ExitMessage(requestID, reason string) string {
	if reason == "" {
		return "RequestId: " + requestID + " Error: Runtime exited without providing a reason"
	}
	return "RequestId: " + requestID + " Error: Runtime exited with error: " + reason
}

// Tail keeps the last bytes of what is written to it.
type Tail struct{ buf []byte }

// Line adds one line.
func (t *Tail) Line(s []byte) {
	if len(s) >= MaxLogTail {
		t.buf = append(t.buf[:0], s[len(s)-MaxLogTail+1:]...)
	} else {
		if over := len(t.buf) + len(s) + 1 - MaxLogTail; over > 0 {
			t.buf = append(t.buf[:0], t.buf[over:]...)
		}
		t.buf = append(t.buf, s...)
	}
	t.buf = append(t.buf, '\n')
}

// Bytes returns what was kept, at most MaxLogTail bytes.
func (t *Tail) Bytes() []byte { return t.buf }
