package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"trellis/internal/access"
	"trellis/internal/admin"
	cloudcontrolapi "trellis/internal/api/cloudcontrol"
	latticeapi "trellis/internal/api/vpclattice"
	"trellis/internal/arn"
	"trellis/internal/aws"
	"trellis/internal/disk"
	"trellis/internal/fault"
	"trellis/internal/headroom"
	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/etcd"
	"trellis/internal/strict"
	"trellis/internal/substrate/linux"
	"trellis/internal/vault"
)

type options struct {
	data, listen, region, awsConfig string
	cluster                         etcd.Cluster
	dev, controlPlaneOnly           bool
	throttle                        aws.Rate
}

func serveCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long:  "Serve answers the AWS APIs at --listen and makes what they describe real on this machine. It prints \"ready URL\" once it answers.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.data, _ = cmd.Flags().GetString("data")
			return enterAndServe(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "address of the APIs; port 0 takes a free one")
	f.StringVar(&o.region, "region", "us-east-1", "region of the profiles that are written; any region named in a signature works")
	f.StringSliceVar(&o.cluster.Endpoints, "etcd", nil, "URLs of an etcd cluster to keep the state in (default: an etcd inside this process)")
	f.StringVar(&o.cluster.CA, "etcd-ca", "", "certificate authority of the etcd cluster")
	f.StringVar(&o.cluster.Cert, "etcd-cert", "", "client certificate for the etcd cluster")
	f.StringVar(&o.cluster.Key, "etcd-key", "", "key of the client certificate")
	f.StringVar(&o.awsConfig, "aws-config", "", "AWS config file to write, one profile for each account (default: aws-config in the data directory)")
	f.BoolVar(&o.dev, "dev", false, "also take the convention of local tools: any secret, a 12-digit access key is the account; from loopback only")
	f.Var(&o.throttle, "throttle", "refuse calls as AWS does beyond this `rate`, such as 5/s, or 5/s,20 with 20 at once, of each account and operation (default: never)")
	f.BoolVar(&o.controlPlaneOnly, "control-plane-only", false, "answer the APIs only: no packet moves and no function runs")
	return cmd
}

// enterAndServe gives the process what it needs to make network namespaces, which for an ordinary user takes a second
// process, and serves. Where the system does not allow it the server runs without a data plane and says why.
func enterAndServe(ctx context.Context, o options, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	whyNot := make(chan string, 1)
	if o.controlPlaneOnly {
		whyNot <- "--control-plane-only was asked for"
		return serve(ctx, o, whyNot, stdout, log)
	}
	code, entered, err := linux.Enter()
	if entered {
		os.Exit(code)
	}
	// The kernel is tried while the store starts.
	go func() {
		if err == nil {
			err = linux.Preflight(ctx)
		}
		why := ""
		if err != nil {
			why = err.Error()
		}
		whyNot <- why
	}()
	return serve(ctx, o, whyNot, stdout, log)
}

// shutdown undoes, in the opposite order, what was started.
type shutdown []func() error

func (s *shutdown) add(f func() error) { *s = append(*s, f) }

func (s *shutdown) run() error {
	var errs []error
	for i := len(*s) - 1; i >= 0; i-- {
		errs = append(errs, (*s)[i]())
	}
	return errors.Join(errs...)
}

// serve runs the server until ctx ends. It hears from whyNot why there can be no data plane, which is empty where there can be one.
func serve(ctx context.Context, o options, whyNot <-chan string, stdout io.Writer, log *slog.Logger) (err error) {
	var down shutdown
	defer func() { err = errors.Join(err, down.run()) }()
	if strings.Trim(o.region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || o.region == "" {
		return fmt.Errorf("%q is not the name of a region, such as us-east-1", o.region)
	}
	if o.data, err = filepath.Abs(o.data); err != nil {
		return err
	}
	unlock, err := claim(o.data)
	if err != nil {
		return err
	}
	down.add(unlock)
	keys, err := vault.Open(filepath.Join(o.data, "key"))
	if err != nil {
		return err
	}
	kv, err := openStore(ctx, o)
	if err != nil {
		return err
	}
	down.add(kv.Close)
	view, err := state.Open(ctx, kv, keys, log)
	if err != nil {
		return err
	}
	down.add(func() error { view.Close(); return nil })
	name, err := hostName(filepath.Join(o.data, "host"))
	if err != nil {
		return err
	}
	// A server starts on a full disk too: what is there is to be read, and what makes room to be done.
	stale := admin.Stale(view.Snapshot(), name)
	swept := admin.Sweep(ctx, view, stale)
	if swept != nil && !fault.Is(swept, fault.Unavailable) {
		return swept
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen at %s: %w", o.listen, err)
	}
	down.add(func() error { return ignoreClosed(listener.Close()) })
	endpoint := endpointOf(listener.Addr())
	control := access.New(view, keys)

	api := &lateHandler{}
	noDataPlane := <-whyNot
	plane, err := newDataPlane(o, noDataPlane, view, control, api, log)
	if err != nil {
		return err
	}
	down.add(plane.close)
	// Programs inside subnets go on while requests of theirs are under way.
	programs, endPrograms := context.WithCancel(context.WithoutCancel(ctx))
	var sessions sync.WaitGroup
	down.add(func() error { endSessions(&sessions, endPrograms); return nil })
	down.add(plane.quiet)
	// Everything that runs in the background ends before what it uses is closed.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	down.add(func() error { stop(); running.Wait(); return nil })
	lattice := latticeapi.New(view, time.Now)
	requests := cloudcontrolapi.New(view, name, lattice, api, control, log, time.Now)
	var authorizer aws.Authorizer = control
	if o.dev {
		authorizer = localAccounts{control, view}
	}
	rebuilt := make(chan struct{})
	config := aws.Config{
		Services: services(view, control, plane, lattice, requests, awaiting(rebuilt)), Credentials: control, Authorizer: authorizer, Logger: log, Observe: plane.metrics.observe,
		Hosts: []string{o.listen, listener.Addr().String()}, Dev: o.dev, Throttle: o.throttle,
		Admit: func() error { return plane.guard.Threads(headroom.ForCalls) },
	}
	handler, err := aws.New(config)
	if err != nil {
		return err
	}
	api.set(handler, plane.links)

	h := plane.host(name, view, log)
	running.Go(func() { h.run(run, rebuilt) })
	if swept != nil {
		log.Error("what programs in subnets left behind stays for now", "error", swept)
		running.Go(func() { insist(run, func() error { return admin.Sweep(run, view, stale) }) })
	}
	running.Go(func() { finalize(run, view, log) })
	running.Go(func() { pruneCode(run, view, plane.blobs, log) })
	running.Go(func() { requests.Run(run) })
	if plane.proxy != nil {
		running.Go(func() { watchHealth(run, name, view, plane.proxy, log) })
	}

	profiles := admin.NewProfiles(configPath(o), endpoint, o.region)
	if err := profiles.Write(view.Snapshot()); err != nil && !fault.Is(disk.Full(err), fault.Unavailable) {
		return err
	}
	running.Go(func() { followProfiles(run, view, profiles, log) })
	info := admin.Info{Version: version, Endpoint: endpoint, Region: o.region, Host: name, DataPlane: noDataPlane == "", DataPlaneWhy: noDataPlane}
	metrics := promhttp.HandlerFor(plane.metrics.registry, promhttp.HandlerOpts{})
	if err := serveAdmin(o.data, admin.New(view, profiles, plane, info, metrics, log), &down, &running, log); err != nil {
		return err
	}
	if err := serveExec(programs, o.data, admin.NewExecServer(name, view, plane.runner(name, view), log), &down, &sessions, log); err != nil {
		return err
	}
	web := newWeb(front(config.AnswersFor, api, metrics), usual, log)
	down.add(func() error { return finish(web) })
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(strict.Listen(crowded{listener, plane.room(headroom.ForCalls)})) }()
	if noDataPlane != "" {
		fmt.Fprintf(stdout, "no data plane: %s\n", noDataPlane)
	}
	fmt.Fprintf(stdout, "profiles %s\nready %s\n", profiles.Path(), endpoint)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// rebuildTime is how long a change waits for what was there before the server started.
const rebuildTime = 30 * time.Second

// awaiting waits until what was stored when the server started is real again. Until then it is not said to be, and what asks
// whether something is would be refused without reason.
func awaiting(rebuilt <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-rebuilt:
			return nil
		default:
		}
		late := time.NewTimer(rebuildTime)
		defer late.Stop()
		select {
		case <-rebuilt:
			return nil
		case <-late.C:
		case <-ctx.Done():
		}
		return fault.New(fault.Unavailable, "", "The server is still making real what was there before it started. Try again.")
	}
}

// endpointOf is the URL that clients on this machine reach the listener at.
func endpointOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + addr.String()
}

// finish lets calls under way end and cuts off connections that have none: a connection that never carried a request
// counts as busy for five seconds otherwise.
func finish(web *http.Server) error {
	wait, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := web.Shutdown(wait); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ignoreClosed(web.Close())
}

func configPath(o options) string {
	if o.awsConfig != "" {
		return o.awsConfig
	}
	return filepath.Join(o.data, "aws-config")
}

// front answers /health and /metrics beside the APIs. Neither can be mistaken for an API call: those are signed.
func front(answersFor func(host string) bool, api, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answersFor(r.Host) && r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && r.URL.RawQuery == "" {
			switch r.URL.Path {
			case "/health":
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, "{\"status\":\"ok\"}\n")
				return
			case "/metrics":
				metrics.ServeHTTP(w, r)
				return
			}
		}
		api.ServeHTTP(w, r)
	})
}

// hostName returns the name this host has in the state, which it keeps for as long as its data directory: after a crash it
// speaks for itself again at once, and nobody waits for the word of a host that is gone.
func hostName(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err == nil && len(raw) > 0 {
		return string(raw), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name := "host-" + arn.RandomHex(16)
	return name, os.WriteFile(path, []byte(name), 0o600)
}

// claim makes the data directory this process's own, private to its user.
func claim(dir string) (func() error, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another server runs with the data directory %s", dir), lock.Close())
	}
	return lock.Close, nil
}

func openStore(ctx context.Context, o options) (store.Store, error) {
	if len(o.cluster.Endpoints) > 0 {
		o.cluster.Lease = filepath.Join(o.data, "lease")
		return etcd.Open(ctx, o.cluster)
	}
	return etcd.Embed(ctx, filepath.Join(o.data, "etcd"))
}

// serveAdmin opens the socket of the administration.
func serveAdmin(dir string, a *admin.Server, down *shutdown, running *sync.WaitGroup, log *slog.Logger) error {
	al, err := admin.Listen(filepath.Join(dir, admin.Socket))
	if err != nil {
		return err
	}
	down.add(func() error { return ignoreClosed(al.Close()) })
	srv := &http.Server{Handler: a.Handler(), ReadHeaderTimeout: 10 * time.Second}
	down.add(func() error { return ignoreClosed(srv.Close()) })
	running.Go(func() {
		if err := srv.Serve(al); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			log.Error("the administration stopped", "error", err)
		}
	})
	return nil
}

// endSessions ends the programs inside subnets. Those that have just been answered say so first, if they are quick about it.
func endSessions(sessions *sync.WaitGroup, end func()) {
	ended := make(chan struct{})
	go func() { sessions.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(500 * time.Millisecond):
	}
	end()
	<-ended
}

// serveExec opens the socket of programs inside subnets. They end with ctx.
func serveExec(ctx context.Context, dir string, e *admin.ExecServer, down *shutdown, sessions *sync.WaitGroup, log *slog.Logger) error {
	l, err := admin.Listen(filepath.Join(dir, admin.ExecSocket))
	if err != nil {
		return err
	}
	down.add(func() error { return ignoreClosed(l.Close()) })
	sessions.Go(func() {
		if err := e.Serve(ctx, l); err != nil {
			log.Error("exec stopped", "error", err)
		}
	})
	return nil
}

// followProfiles writes the profiles anew when accounts or their keys change.
func followProfiles(ctx context.Context, view *state.View, p *admin.Profiles, log *slog.Logger) {
	var seen int64
	for {
		s := view.Snapshot()
		if now := max(state.Accounts.Changed(s), state.AccessKeys.Changed(s), state.Organizations.Changed(s)); now != seen {
			if err := p.Write(s); err != nil {
				log.Error("the profiles cannot be written", "file", p.Path(), "error", err)
				insist(ctx, func() error { return p.Write(view.Snapshot()) })
			}
			seen = now
		}
		if _, err := view.After(ctx, s.Rev); err != nil {
			return
		}
	}
}

// again is how long what failed waits to be tried again.
const again = time.Second

// insist does f until it succeeds.
func insist(ctx context.Context, f func() error) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
		if f() == nil {
			return
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
