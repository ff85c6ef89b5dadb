// Package sandbox says which functions a host should run, with which limits, environment and interpreter, and how their
// invocations read in a log. It is data and pure rules; package sandbox/process does the running and keeps the state.
package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/fault"
)

// Latest is the version of a function that was never published.
const Latest = "$LATEST"

// Limits that AWS documents under "Lambda quotas".
const (
	MaxPayload      = 6 << 20
	MaxEventPayload = 1 << 20
	MaxUnzipped     = 250 << 20
	MaxLogTail      = 4 << 10
	MinMemoryMB     = 128
	MaxMemoryMB     = 10240
	MinEphemeralMB  = 512
	MaxEphemeralMB  = 10240
	MaxTimeout      = 900 * time.Second
	MaxLayers       = 5
)

// Function is one version of a function as a host should run it.
type Function struct {
	// ARN is the function's ARN without a qualifier.
	ARN string
	// Version is Latest or a published version's number.
	Version string
	Runtime string
	Handler string
	// Code is the digest of the deployment archive, Layers those of the layers' archives; a later layer wins.
	Code   string
	Layers []string
	// Environment holds the user's variables only.
	Environment map[string]string
	// Role is the ARN of the execution role.
	Role        string
	MemoryMB    int
	EphemeralMB int
	Timeout     time.Duration
	// Interface is the function interface its instances are attached to; empty for a function without a VPC.
	Interface string
	// Resolver is the VPC's DNS server. It is invalid for a function without a VPC.
	Resolver netip.Addr
	LogGroup string
	// Reserved is the reserved concurrency, shared by all versions of the function. Nil means the host's default.
	Reserved *int
	// Retries is how often a failed event is tried again. Nil means AWS's default of two.
	Retries *int
}

// Qualified returns the ARN with the version, which names what an instance runs.
func (f *Function) Qualified() string { return f.ARN + ":" + f.Version }

// Name returns the function's name.
func (f *Function) Name() string {
	a, err := arn.Parse(f.ARN)
	if err != nil {
		return ""
	}
	return a.ID()
}

// Region returns the region of the function's ARN.
func (f *Function) Region() string {
	a, _ := arn.Parse(f.ARN)
	return a.Region
}

// Revision returns a digest of everything an instance is started with. Instances of another revision are retired.
// Concurrency and retries can change without a new instance.
func (f *Function) Revision() string {
	g := *f
	g.Reserved, g.Retries = nil, nil
	data, err := json.Marshal(g)
	if err != nil {
		// Strings, integers and an address always encode.
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// Validate reports why a function could not be run as described.
func (f *Function) Validate() error {
	invalid := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "InvalidParameterValueException", format, args...).About("function", f.ARN)
	}
	a, err := arn.Parse(f.ARN)
	if err != nil || a.Service != "lambda" || a.Type() != "function" || a.ID() == "" || strings.Contains(a.ID(), ":") {
		return invalid("%q is not the ARN of a function without a qualifier", f.ARN)
	}
	switch {
	case f.Version == "":
		return invalid("the function has no version")
	case f.Code == "":
		return invalid("the function has no code")
	case f.MemoryMB < MinMemoryMB || f.MemoryMB > MaxMemoryMB:
		return invalid("memory size %d is not between %d and %d MB", f.MemoryMB, MinMemoryMB, MaxMemoryMB)
	case f.EphemeralMB < MinEphemeralMB || f.EphemeralMB > MaxEphemeralMB:
		return invalid("ephemeral storage %d is not between %d and %d MB", f.EphemeralMB, MinEphemeralMB, MaxEphemeralMB)
	case f.Timeout < time.Second || f.Timeout > MaxTimeout:
		return invalid("timeout %v is not between 1 and %d seconds", f.Timeout, MaxTimeout/time.Second)
	case len(f.Layers) > MaxLayers:
		return invalid("%d layers are more than %d", len(f.Layers), MaxLayers)
	case f.Reserved != nil && *f.Reserved < 0:
		return invalid("reserved concurrency %d is negative", *f.Reserved)
	case f.Retries != nil && (*f.Retries < 0 || *f.Retries > 2):
		return invalid("maximum retry attempts %d is not between 0 and 2", *f.Retries)
	}
	rt, err := ParseRuntime(f.Runtime)
	if err != nil {
		return err
	}
	if rt.Language != Native && f.Handler == "" {
		return invalid("runtime %s needs a handler", f.Runtime)
	}
	return nil
}

// State is what a host made of a function, in Lambda's own words.
type State string

// The states of a function on a host.
const (
	Pending State = "Pending"
	Active  State = "Active"
	Failed  State = "Failed"
)

// Status is the word of a host on one desired function.
type Status struct {
	// Function is the qualified ARN.
	Function string
	Revision string
	State    State
	// ReasonCode is one of Lambda's StateReasonCode values where State is not Active.
	ReasonCode string
	Reason     string
	// Interpreter says what runs the function, such as "python 3.12.1"; empty for a bootstrap.
	Interpreter string
}

// Invocation is one request to a function.
type Invocation struct {
	// ARN is the function's ARN without a qualifier.
	ARN string
	// Version is the version to run; empty means Latest.
	Version string
	// InvokedARN is what the caller named, an alias for instance. Empty means ARN.
	InvokedARN string
	Payload    []byte
	// Event asks for asynchronous execution.
	Event bool
	// Tail asks for the end of the log, which is complete only when the function wants its next event.
	Tail bool
	// RequestID is minted where it is empty.
	RequestID string
	// TraceID and ClientContext are passed to the function as they are.
	TraceID       string
	ClientContext string
}

// Result is what became of an Invocation.
type Result struct {
	RequestID string
	// Version is the version that ran.
	Version string
	// StatusCode is 200, or 202 for an accepted event.
	StatusCode int
	// FunctionError is "Unhandled" or "Handled" where the function failed; Payload then describes the error.
	FunctionError string
	Payload       []byte
	// LogTail holds the last bytes that the invocation logged, MaxLogTail at most, where they were asked for.
	LogTail []byte
	// Cold is true where an instance was started for this invocation.
	Cold     bool
	Duration time.Duration
}
