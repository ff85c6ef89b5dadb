//go:build linux

package process

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"trellis/internal/sandbox"
)

// event is one invocation as the function sees it.
type event struct {
	requestID, invokedARN, traceID, clientContext string
	payload                                       []byte
	deadline                                      time.Time
}

// answer is what the function made of an event.
type answer struct {
	payload []byte
	// functionError is empty for a response.
	functionError string
	// errorType is the runtime's name for the error.
	errorType string
	// line is what the log says where the function itself could not.
	line string
}

// runtimeAPI is the state of one instance's Runtime API: which event the function has, and whether it asked for the next
// one. It knows nothing of processes.
type runtimeAPI struct {
	// reading is held by who reads a body: one at a time has room for it, however many the function sends.
	reading sync.Mutex

	mu sync.Mutex
	// current is the event the function works on; answered says that its answer came.
	current  *event
	answered bool

	// events hands over events; ready tells that the function asks for one.
	events chan *event
	ready  chan struct{}
	// answers takes the one answer to each event. Who hands an event over takes its answer, or ends the instance.
	answers chan answer
	// initError holds the error that the function reported before it was ready.
	initError chan answer
	// gone is closed when the instance has ended.
	gone <-chan struct{}
}

func newRuntimeAPI(gone <-chan struct{}) *runtimeAPI {
	return &runtimeAPI{
		events:    make(chan *event),
		ready:     make(chan struct{}, 1),
		answers:   make(chan answer, 1),
		initError: make(chan answer, 1),
		gone:      gone,
	}
}

const runtimePrefix = "/2018-06-01/runtime/"

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, runtimePrefix)
	if !ok {
		refuseCall(w, http.StatusNotFound, "NotFound", "the Runtime API has no "+r.Method+" "+r.URL.Path)
		return
	}
	id, action, _ := strings.Cut(strings.TrimPrefix(rest, "invocation/"), "/")
	switch {
	case rest == "invocation/next" && r.Method == http.MethodGet:
		a.next(w, r)
	case rest == "init/error" && r.Method == http.MethodPost:
		a.initFailed(w, r)
	case strings.HasPrefix(rest, "invocation/") && action == "response" && r.Method == http.MethodPost:
		a.finish(w, r, id, false)
	case strings.HasPrefix(rest, "invocation/") && action == "error" && r.Method == http.MethodPost:
		a.finish(w, r, id, true)
	default:
		refuseCall(w, http.StatusNotFound, "NotFound", "the Runtime API has no "+r.Method+" "+r.URL.Path)
	}
}

// next waits for an event and hands it out.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if a.current != nil && !a.answered {
		// A runtime that lost the connection may ask again and gets the same event.
		e := a.current
		a.mu.Unlock()
		deliver(w, e)
		return
	}
	a.current = nil
	a.mu.Unlock()
	select {
	case a.ready <- struct{}{}:
	default:
	}
	select {
	case e := <-a.events:
		a.mu.Lock()
		a.current, a.answered = e, false
		a.mu.Unlock()
		deliver(w, e)
	case <-r.Context().Done():
	case <-a.gone:
		refuseCall(w, http.StatusInternalServerError, "Gone", "the instance has ended")
	}
}

func deliver(w http.ResponseWriter, e *event) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(e.payload)))
	h.Set("Lambda-Runtime-Aws-Request-Id", e.requestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", e.invokedARN)
	if e.traceID != "" {
		h.Set("Lambda-Runtime-Trace-Id", e.traceID)
	}
	if e.clientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", e.clientContext)
	}
	// A write that fails means the function's process is gone, which its exit tells.
	_, _ = w.Write(e.payload)
}

// read reads a body up to a byte over what one may have.
func (a *runtimeAPI) read(r *http.Request) ([]byte, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	return io.ReadAll(io.LimitReader(r.Body, sandbox.MaxPayload+1))
}

// works says whether the function works on an event, answered or not.
func (a *runtimeAPI) works(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current != nil && a.current.requestID == id
}

func (a *runtimeAPI) finish(w http.ResponseWriter, r *http.Request, id string, failed bool) {
	if !a.works(id) {
		refuseCall(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	body, err := a.read(r)
	if err != nil {
		refuseCall(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read")
		return
	}
	out := answer{payload: body}
	if failed {
		out = failure(r, body)
	}
	tooLarge := len(body) > sandbox.MaxPayload
	if tooLarge {
		out = answer{functionError: "Unhandled", errorType: sandbox.ErrorResponse,
			payload: sandbox.ErrorPayload(sandbox.ErrorResponse, "Response payload size exceeded maximum allowed payload size ("+
				strconv.Itoa(sandbox.MaxPayload)+" bytes).")}
	}
	a.mu.Lock()
	bad := a.current == nil || a.current.requestID != id
	again := !bad && a.answered
	if !bad && !again {
		a.answered = true
		a.answers <- out
	}
	a.mu.Unlock()
	switch {
	case bad:
		refuseCall(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case again:
		refuseCall(w, http.StatusForbidden, "InvalidStateTransition", "the invocation has its answer")
	case tooLarge:
		refuseCall(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is larger than "+strconv.Itoa(sandbox.MaxPayload)+" bytes")
	default:
		accepted(w)
	}
}

func (a *runtimeAPI) initFailed(w http.ResponseWriter, r *http.Request) {
	body, err := a.read(r)
	if err != nil {
		refuseCall(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read")
		return
	}
	select {
	case a.initError <- failure(r, body):
		accepted(w)
	default:
		refuseCall(w, http.StatusForbidden, "InvalidStateTransition", "an error was reported already")
	}
}

// failure reads an error report. Its type comes in a header, else in the body.
func failure(r *http.Request, body []byte) answer {
	out := answer{payload: body, functionError: "Unhandled", errorType: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	if out.errorType == "Handled" {
		out.functionError = "Handled"
	}
	var report struct {
		ErrorType string `json:"errorType"`
	}
	switch err := json.Unmarshal(body, &report); {
	case err != nil && !errors.As(err, new(*json.UnmarshalTypeError)):
		out.payload = sandbox.ErrorPayload("Runtime.Unknown", "the function failed and said no more")
	case report.ErrorType != "":
		out.errorType = report.ErrorType
	}
	return out
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuseCall(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(sandbox.ErrorPayload(errorType, message))
}
