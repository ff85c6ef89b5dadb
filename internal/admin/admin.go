// Package admin serves the administration of a running server: accounts, status, explanations, pprof's profiles of the
// process, and programs run inside a subnet. It listens on unix sockets in the data directory that only the server's own
// user and root may use, never on TCP, because whoever reaches it has every account. It writes accounts and exec sessions;
// the AWS profiles file follows from them.
package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"trellis/internal/access"
	"trellis/internal/fault"
	"trellis/internal/plan"
	"trellis/internal/state"
)

// Explainer tells what decided a request that the proxy answered.
type Explainer interface {
	// Explain returns false for a request that is not remembered.
	Explain(requestID string) (Explanation, bool)
}

// Explanation says who decided a request and why.
type Explanation struct {
	RequestID string `json:"request_id"`
	// Verdict is one sentence: what was decided by which layer and statement.
	Verdict string `json:"verdict"`
	// Details are the conditions that failed, and what the request was.
	Details []string `json:"details,omitempty"`
}

// Account is an account as its maker sees it, with the keys of its root user.
type Account struct {
	Account   string `json:"account"`
	Name      string `json:"name,omitempty"`
	AccessKey string `json:"access_key,omitempty"`
	SecretKey string `json:"secret_key,omitempty"`
	Profile   string `json:"profile,omitempty"`
}

// Status is what the server says of itself.
type Status struct {
	Version      string            `json:"version"`
	Endpoint     string            `json:"endpoint"`
	Region       string            `json:"region"`
	DataPlane    bool              `json:"data_plane"`
	DataPlaneWhy string            `json:"data_plane_why,omitempty"`
	Revision     int64             `json:"revision"`
	Applied      int64             `json:"applied"`
	Resources    map[string]int    `json:"resources"`
	Failures     map[string]string `json:"failures,omitempty"`
	Profiles     string            `json:"profiles"`
}

// Info is what the server knows of itself when it starts.
type Info struct {
	Version, Endpoint, Region, Host string
	DataPlane                       bool
	DataPlaneWhy                    string
}

// Server answers the administration's requests.
type Server struct {
	view     *state.View
	profiles *Profiles
	explain  Explainer
	info     Info
	metrics  http.Handler
	log      *slog.Logger
}

// New returns a Server. Metrics may be nil.
func New(view *state.View, profiles *Profiles, explain Explainer, info Info, metrics http.Handler, log *slog.Logger) *Server {
	return &Server{view, profiles, explain, info, metrics, log}
}

// Handler returns the HTTP side.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /accounts", s.createAccount)
	mux.HandleFunc("GET /accounts", s.listAccounts)
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /requests/{id}", s.why)
	mux.HandleFunc("GET /trace", s.trace)
	if s.metrics != nil {
		mux.Handle("GET /metrics", s.metrics)
	}
	mux.HandleFunc("GET /debug/pprof/{profile}", s.pprof)
	return mux
}

func (s *Server) createAccount(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Email, ID string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
		s.fail(w, fault.New(fault.Invalid, "", "The request is not valid JSON: %v", err))
		return
	}
	if err := CheckName(in.Name); err != nil {
		s.fail(w, err)
		return
	}
	a, k, err := access.CreateAccount(r.Context(), s.view, in.Name, in.Email, in.ID)
	if err != nil {
		s.fail(w, err)
		return
	}
	if err := s.profiles.Write(s.view.Snapshot()); err != nil {
		s.fail(w, err)
		return
	}
	answer(w, Account{Account: a.ID, Name: a.Name, AccessKey: k.ID, SecretKey: k.Secret, Profile: profileName(s.view.Snapshot(), &a)})
}

func (s *Server) listAccounts(w http.ResponseWriter, _ *http.Request) {
	snap := s.view.Snapshot()
	out := []Account{}
	for a := range state.Accounts.All(snap) {
		out = append(out, Account{Account: a.ID, Name: a.Name, Profile: profileName(snap, a)})
	}
	answer(w, out)
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	snap := s.view.Snapshot()
	out := Status{Version: s.info.Version, Endpoint: s.info.Endpoint, Region: s.info.Region, DataPlane: s.info.DataPlane, DataPlaneWhy: s.info.DataPlaneWhy,
		Revision: snap.SpecRev, Resources: state.Count(snap), Profiles: s.profiles.Path()}
	if h, ok := state.Hosts.Get(snap, s.info.Host); ok {
		out.Applied, out.Failures = h.Applied, h.Failures
	}
	answer(w, out)
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	e, ok := s.explain.Explain(r.PathValue("id"))
	if !ok {
		s.fail(w, fault.New(fault.NotFound, "", "No request %s is remembered. The newest requests that VPC Lattice or a load balancer answered are, by the x-amzn-requestid of the answer.", r.PathValue("id")))
		return
	}
	answer(w, e)
}

func (s *Server) trace(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	host, portText, ok := strings.Cut(q.Get("to"), ":")
	if !ok {
		portText = "80"
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || host == "" {
		s.fail(w, fault.New(fault.Invalid, "", "%q is not HOST:PORT.", q.Get("to")))
		return
	}
	snap := s.view.Snapshot()
	subnet, groups, err := place(snap, q.Get("vpc"), q.Get("subnet"), q["group"])
	if err != nil {
		s.fail(w, err)
		return
	}
	p := plan.Trace(snap, plan.Origin{Subnet: subnet.ID, Groups: groups}, host, uint16(port))
	out := Explanation{Verdict: p.Text}
	if p.Address.IsValid() && p.Address.String() != host {
		out.Details = []string{fmt.Sprintf("%s is %s", host, p.Address)}
	}
	answer(w, out)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = json.NewEncoder(w).Encode(v)
}

// Failure is the body of every answer that is not a success.
type Failure struct {
	Error string `json:"error"`
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	status, text := http.StatusInternalServerError, "internal error; the server's log has more"
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		text = f.Message
		switch f.Kind {
		case fault.NotFound:
			status = http.StatusNotFound
		case fault.Exists, fault.Conflict, fault.InUse:
			status = http.StatusConflict
		case fault.Unavailable:
			status = http.StatusServiceUnavailable
		default:
			status = http.StatusBadRequest
		}
	} else {
		s.log.Error("administration failed", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Failure{text})
}
