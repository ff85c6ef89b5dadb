package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trellis/internal/access"
	"trellis/internal/admin"
	"trellis/internal/aws"
	"trellis/internal/aws/model"
	"trellis/internal/blob"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/guard/signed"
	"trellis/internal/headroom"
	"trellis/internal/iam"
	"trellis/internal/journal"
	"trellis/internal/proxy"
	"trellis/internal/proxy/server"
	"trellis/internal/resolver"
	resolverserver "trellis/internal/resolver/server"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
	"trellis/internal/substrate"
	"trellis/internal/substrate/linux"
)

// dataPlane is what moves packets and runs functions. Without one its parts are nil and why says what is missing.
type dataPlane struct {
	dir     string
	why     string
	asked   bool // for control plane only
	blobs   *blob.Store
	links   *blob.Links
	journal *journal.Store
	metrics *metrics
	guard   *headroom.Guard

	kernel    *linux.Host
	proxy     *server.Server
	resolvers *resolverserver.Server
	functions *process.Manager
}

func newDataPlane(o options, why string, view *state.View, control *access.Control, api http.Handler, log *slog.Logger) (*dataPlane, error) {
	d := &dataPlane{dir: o.data, why: why, asked: o.controlPlaneOnly, metrics: newMetrics(), guard: headroom.New()}
	var err error
	if d.blobs, err = blob.Open(filepath.Join(o.data, "code")); err != nil {
		return nil, err
	}
	d.links = blob.NewLinks(d.blobs, time.Now)
	if d.journal, err = journal.Open(filepath.Join(o.data, "logs")); err != nil {
		return nil, err
	}
	if err := forgetResolvConfs(o.data); err != nil {
		return nil, err
	}
	if why != "" {
		return d, nil
	}
	d.kernel = linux.New(d.room(headroom.ForNetworks))
	d.resolvers = resolverserver.New(resolverNetwork{namespaces{d.kernel}})
	instances, processes := shareOut(headroom.Processes())
	d.functions, err = process.New(process.Options{
		Dir: filepath.Join(o.data, "mounts"), Code: d.blobs, Logs: functionLogs{view, d.journal}, Credentials: roles{control},
		Network: functionNetwork{namespaces{d.kernel}}, API: api, Log: log, Room: d.room(headroom.ForWorkloads),
		MaxInstances: instances, MaxProcesses: processes,
	})
	if err != nil {
		return nil, errors.Join(err, d.kernel.Close())
	}
	records := &accessLog{view: view, journal: d.journal, log: log}
	d.metrics.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "trellis_access_records_lost_total",
		Help: "Access records that their log groups did not take."}, func() float64 { return float64(records.lost.Load()) }))
	d.proxy = server.New(server.Config{Network: proxyNetwork{namespaces{d.kernel}, d.room(headroom.ForWorkloads)}, Invoker: targetInvoker{d.functions, view},
		Authenticator: signed.New(identities{control, view}), AccessLog: records, Names: d.resolvers, Log: log})
	d.metrics.watch(d.proxy)
	return d, nil
}

// room asks whether a reserve is free.
func (d *dataPlane) room(r headroom.Reserve) room { return func() error { return d.guard.Room(r) } }

// How many processes and threads a function's instance has, and how many instances share out what there is when it is less.
const (
	maxProcesses = 1024
	minProcesses = 64
	sharers      = 64
)

// shareOut gives functions three quarters of the processes that the system lets the server have: however many they start, the
// server gets the threads it needs.
func shareOut(left uint64, limited bool) (instances, processes int) {
	if !limited {
		return function.MaxConcurrency, maxProcesses
	}
	share := left / 4 * 3
	each := min(max(share/sharers, minProcesses), maxProcesses)
	return int(min(max(share/each, 1), function.MaxConcurrency)), int(each)
}

// quiet lets requests under way end and stops everything that uses namespaces.
func (d *dataPlane) quiet() error {
	if d.kernel == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return errors.Join(d.resolvers.Close(), d.proxy.Close(ctx), d.functions.Close())
}

// close takes the namespaces away.
func (d *dataPlane) close() error {
	if d.kernel == nil {
		return nil
	}
	return d.kernel.Close()
}

// host returns the loop that makes plans real here.
func (d *dataPlane) host(name string, view *state.View, log *slog.Logger) *host {
	h := &host{name: name, view: view, log: log}
	if d.kernel == nil {
		h.network, h.listeners, h.resolvers, h.functions = absentNetwork{}, absentListeners{}, absentResolvers{}, absentFunctions{}
		if !d.asked {
			h.disabled = "there is no data plane on this host: " + d.why
		}
		return h
	}
	h.network, h.listeners, h.resolvers, h.functions = d.kernel, d.proxy, d.resolvers, d.functions
	return h
}

func (d *dataPlane) runner(name string, view *state.View) admin.Runner {
	if d.kernel == nil {
		return absentRunner{d.why}
	}
	return execRunner{namespaces{d.kernel}, d.room(headroom.ForWorkloads), view, name, d.dir}
}

// Explain implements admin.Explainer.
func (d *dataPlane) Explain(requestID string) (admin.Explanation, bool) {
	if d.proxy == nil {
		return admin.Explanation{}, false
	}
	e, ok := d.proxy.Explain(requestID)
	if !ok {
		return admin.Explanation{}, false
	}
	return explanation(e), true
}

// The parts of a host without a data plane.
type (
	absentNetwork   struct{}
	absentListeners struct{}
	absentResolvers struct{}
	absentFunctions struct{}
	absentRunner    struct{ why string }
)

func (absentNetwork) Apply(context.Context, substrate.Config) ([]substrate.Problem, error) {
	return nil, nil
}
func (absentNetwork) Resync(context.Context, func() bool) ([]substrate.Problem, error) {
	return nil, nil
}
func (absentListeners) Apply(context.Context, *proxy.Table) error    { return nil }
func (absentListeners) Drain(context.Context, string) error          { return nil }
func (absentListeners) Failed() bool                                 { return false }
func (absentResolvers) Apply(context.Context, *resolver.Zones) error { return nil }
func (absentResolvers) Failed() bool                                 { return false }
func (absentFunctions) Apply(context.Context, []*sandbox.Function) ([]sandbox.Status, error) {
	return nil, nil
}

func (a absentRunner) Start(context.Context, string, admin.Command, int, int, [3]*os.File) (admin.Process, error) {
	return nil, fault.New(fault.Unavailable, "", "There is no data plane on this host: %s", a.why)
}

// roles gives functions the credentials of their roles.
type roles struct{ control *access.Control }

func (r roles) Assume(_ context.Context, role, session string) (sandbox.Credentials, time.Time, error) {
	c, err := r.control.AssumeAsService(role, "lambda.amazonaws.com", session)
	if err != nil {
		return sandbox.Credentials{}, time.Time{}, err
	}
	return sandbox.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.Secret, SessionToken: c.Token}, c.Expires, nil
}

// identities lets the proxy know who signed a request.
type identities struct {
	*access.Control
	view *state.View
}

func (i identities) Principal(who *caller.Caller) (iam.Principal, iam.Entitlements, error) {
	s := i.view.Snapshot()
	e, err := i.Entitlements(s, who)
	return access.Principal(s, who), e, err
}

// lateHandler is the APIs for parts that are made before them, and the archives that they link to.
type lateHandler struct{ at atomic.Pointer[served] }

type served struct {
	*aws.Handler
	links *blob.Links
}

func (l *lateHandler) set(h *aws.Handler, links *blob.Links) { l.at.Store(&served{h, links}) }

func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := l.at.Load()
	switch {
	case at == nil:
		http.Error(w, "The server is starting.", http.StatusServiceUnavailable)
	case !at.links.Serve(w, r):
		at.ServeHTTP(w, r)
	}
}

// Do performs an operation of an API for the caller in ctx.
func (l *lateHandler) Do(ctx context.Context, api *model.Service, operation string, in any) (any, error) {
	at := l.at.Load()
	if at == nil {
		return nil, fault.New(fault.Unavailable, "", "The server is starting.")
	}
	return at.Do(ctx, api, operation, in)
}

// Outcome is the code and the HTTP status with which an API answers an error.
func (*lateHandler) Outcome(api *model.Service, e *fault.Error) (code string, status int) {
	return aws.Outcome(api, e)
}

// explanation says in words how a request was decided.
func explanation(e *proxy.Explanation) admin.Explanation {
	out := admin.Explanation{RequestID: e.RequestID}
	out.Details = append(out.Details, fmt.Sprintf("%s %s on %s from %s in %s of account %s answered %d", e.Method, e.Target, e.Host, e.Client, e.SourceVPC, e.SourceAccount, e.Status))
	if e.Principal != "" {
		out.Details = append(out.Details, "signed by "+e.Principal)
	}
	for _, l := range e.Layers {
		if l.InForce {
			out.Details = append(out.Details, layerText(l))
		}
	}
	switch {
	case e.Refusal != "":
		out.Verdict = "refused before any policy was asked: " + e.Refusal
	case e.DeniedBy != proxy.NoLayer:
		out.Verdict = fmt.Sprintf("denied by the %s policy", e.DeniedBy)
		for _, l := range e.Layers {
			if l.Layer == e.DeniedBy {
				out.Verdict = "denied: " + layerText(l)
			}
		}
	case e.Failure != proxy.NoFailure:
		out.Verdict = fmt.Sprintf("let through, then failed: %s", e.Failure)
	default:
		out.Verdict = "allowed: no auth policy is in force"
		for _, l := range e.Layers {
			if l.InForce {
				out.Verdict = "allowed: " + layerText(l)
			}
		}
		if e.TargetGroup != "" {
			out.Details = append(out.Details, fmt.Sprintf("forwarded to %s of %s", e.TargetID, e.TargetGroup))
		}
	}
	return out
}

// layerText says in words what one layer made of a request.
func layerText(l proxy.LayerFinding) string {
	switch {
	case !l.HasPolicy:
		return fmt.Sprintf("%s: auth type AWS_IAM without a policy denies everything", l.Layer)
	case l.Statement != "":
		return fmt.Sprintf("%s policy: %s by %s", l.Layer, l.Verdict, l.Statement)
	case len(l.Reasons) > 0:
		return fmt.Sprintf("%s policy: %s: %s", l.Layer, l.Verdict, strings.Join(l.Reasons, "; "))
	}
	return fmt.Sprintf("%s policy: %s", l.Layer, l.Verdict)
}
