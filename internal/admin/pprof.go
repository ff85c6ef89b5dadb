package admin

import (
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"time"

	"trellis/internal/fault"
)

// Profiles of the CPU and traces take so long unless the caller says how many seconds, and never longer than maxProfile.
const (
	defaultProfile = 30 * time.Second
	maxProfile     = 5 * time.Minute
)

// pprof answers with a profile of the process, in the form that go tool pprof reads: those that the runtime knows by name,
// "profile" for the CPU's, and "trace".
func (s *Server) pprof(w http.ResponseWriter, r *http.Request) {
	name, query := r.PathValue("profile"), r.URL.Query()
	length := defaultProfile
	if text := query.Get("seconds"); text != "" {
		n, err := strconv.Atoi(text)
		if length = time.Duration(n) * time.Second; err != nil || length <= 0 || length > maxProfile {
			s.fail(w, fault.New(fault.Invalid, "", "%q is not a number of seconds of at most %d.", text, maxProfile/time.Second))
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	var err error
	switch p := pprof.Lookup(name); {
	case p != nil:
		// As net/http/pprof has it: what is not in use is not to be in the profile.
		if name == "heap" && query.Get("gc") == "1" {
			runtime.GC()
		}
		debug, _ := strconv.Atoi(query.Get("debug"))
		err = p.WriteTo(w, debug)
	case name == "profile":
		err = record(r, length, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	case name == "trace":
		err = record(r, length, func() error { return trace.Start(w) }, trace.Stop)
	default:
		err = fault.New(fault.NotFound, "", "There is no profile %q.", name)
	}
	if err != nil {
		s.fail(w, err)
	}
}

// record records until the client goes, at the longest. There is one recording of a kind at a time.
func record(r *http.Request, length time.Duration, start func() error, stop func()) error {
	if err := start(); err != nil {
		return fault.New(fault.Conflict, "", "%v.", err)
	}
	defer stop()
	select {
	case <-r.Context().Done():
	case <-time.After(length):
	}
	return nil
}
