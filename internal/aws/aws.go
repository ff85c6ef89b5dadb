// Package aws is the wire edge of the AWS APIs: it finds the operation a
// request means, verifies who signed it, decodes and validates the input, calls
// the API value bound to the operation and writes its answer or error in the
// protocol's form. It holds no state of the system; its own is what it derives
// from the generated tables, and a cache of signing keys.
package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"trellis/internal/aws/model"
	"trellis/internal/aws/sigv4"
	"trellis/internal/caller"
)

// Service joins the table of an API with the value that implements it: a method
// named as an operation serves it.
type Service struct {
	Model *model.Service
	API   any
	// Ready, where it is set, is waited for before an operation that does not only
	// read. Its error is the answer.
	Ready func(context.Context) error
}

// Credentials looks an access key up: its secret, and whom it belongs to. A key
// that does not exist answers an error of kind fault.NotFound; one that may not
// be used or has a token that is not its own, fault.Unauthenticated, with code
// ExpiredToken when time has passed it by.
type Credentials interface {
	Lookup(ctx context.Context, accessKey, sessionToken string) (secret string, who caller.Caller, err error)
}

// Authorizer decides whether the caller in ctx may perform an action, such as
// "ec2:CreateVpc", on what the input names. A refusal is an error of kind
// fault.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, action string, in any) error
}

// Call is one finished API call, for metrics.
type Call struct {
	Service   string // package name of the API's table, empty when unknown
	Operation string // empty when unknown
	Code      string // error code, empty for success
	Status    int
	NotBuilt  bool // the API has the operation, this server does not
	Duration  time.Duration
}

// Config is what a handler is made of. Credentials and Services are required.
type Config struct {
	Services    []Service
	Credentials Credentials
	Authorizer  Authorizer // nil allows every verified caller
	Logger      *slog.Logger
	Observe     func(Call)
	Hosts       []string // answered besides loopback and AWS's own; an unspecified address is every one
	Dev         bool     // accept the local convention of keys, from loopback only
	Now         func() time.Time
	Admit       func() error // says why no further call is taken at present; nil takes every one
	// Throttle, where it is set, is how often an account may call an operation in
	// a region before it is refused as AWS refuses.
	Throttle Rate
}

// New binds the operations of each API to its methods. A method that carries
// the name of an operation but not its signature is an error.
func New(config Config) (*Handler, error) {
	if config.Credentials == nil {
		return nil, errors.New("aws: no credentials to verify against")
	}
	h := &Handler{Config: config, services: map[string]*service{}}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	h.throttle = newThrottle(h.Throttle, h.Now)
	for _, s := range config.Services {
		bound, err := bind(s)
		if err != nil {
			return nil, err
		}
		if h.services[s.Model.SigningName] != nil {
			return nil, fmt.Errorf("aws: two APIs sign as %s", s.Model.SigningName)
		}
		h.services[s.Model.SigningName] = bound
	}
	return h, nil
}

// Handler answers the APIs.
type Handler struct {
	Config
	services map[string]*service // by signing name
	keys     sigv4.Keys
	throttle *throttle
	// strangers is how many bytes of long bodies are held that nobody's signature covers yet.
	strangers atomic.Int64
}

// call is one request on its way through the handler.
type call struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	id      string
	started time.Time
	log     *slog.Logger
	service *service // nil until known
	op      *operation
	name    string // of the operation
	// notBuilt is set when the API has the operation and this server does not.
	notBuilt bool
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{h: h, w: w, r: r, id: requestID(), started: h.Now(), log: h.Logger}
	w.Header().Set("X-Amzn-Requestid", c.id)
	if !h.AnswersFor(r.Host) {
		http.Error(w, "This server does not answer for the host named in the request.", http.StatusMisdirectedRequest)
		c.observe(http.StatusMisdirectedRequest, "UnknownHost")
		return
	}
	defer c.recover()
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// recover turns a panic of a handler into an internal error.
func (c *call) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	c.fail(panicked(cause))
}

// logAttrs are what a log line about the call says.
func (c *call) logAttrs() []any {
	attrs := []any{"request_id", c.id}
	if c.service != nil {
		attrs = append(attrs, "api", c.service.Package)
	}
	if c.name != "" {
		attrs = append(attrs, "operation", c.name)
	}
	return attrs
}

func (c *call) observe(status int, code string) {
	if c.h.Observe == nil {
		return
	}
	done := Call{Operation: c.name, Code: code, Status: status, NotBuilt: c.notBuilt, Duration: c.h.Now().Sub(c.started)}
	if c.service != nil {
		done.Service = c.service.Package
	}
	c.h.Observe(done)
}

// AnswersFor keeps web pages from reaching the server under a name of theirs.
func (c *Config) AnswersFor(host string) bool {
	name := hostname(host)
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".api.aws") ||
		ip != nil && ip.IsLoopback() ||
		slices.ContainsFunc(c.Hosts, func(own string) bool {
			own = hostname(own)
			everywhere := own == "" || net.ParseIP(own).IsUnspecified()
			return own == name && name != "" || everywhere && ip != nil
		})
}

// hostname is a host without port, brackets and case.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
