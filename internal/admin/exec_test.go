package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// withSubnet opens a store with one subnet in it.
func withSubnet(t *testing.T, kv store.Store) *state.View {
	t.Helper()
	view, err := state.Open(t.Context(), kv, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	owner := vpc.Owner{Account: "111111111111"}
	err = view.Update(t.Context(), func(tx *state.Tx) error {
		state.VPCs.Put(tx, &vpc.VPC{Owner: owner, ID: "vpc-1", DefaultSecurityGroupID: "sg-1"})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: owner, ID: "sg-1", VPC: "vpc-1"})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: owner, ID: "subnet-1", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.0.0/24")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// A server that starts removes what its own sessions left, and nothing of another server on the same store.
func TestSweep(t *testing.T) {
	kv := mem.New()
	t.Cleanup(func() { _ = kv.Close() })
	view := withSubnet(t, kv)
	t.Cleanup(view.Close)
	left := map[string]string{}
	for _, host := range []string{"host-a", "host-ab"} {
		ni, err := NewExecServer(host, view, nil, slog.New(slog.DiscardHandler)).open(t.Context(), &Command{Subnet: "subnet-1"})
		if err != nil {
			t.Fatal(err)
		}
		left[host] = ni.ID
	}
	if err := Sweep(t.Context(), view, Stale(view.Snapshot(), "host-a")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range state.Interfaces.All(view.Snapshot()) {
		ids = append(ids, i.ID)
	}
	if want := []string{left["host-ab"]}; !slices.Equal(ids, want) {
		t.Errorf("the interfaces are %v, want %v", ids, want)
	}
}

// silent commits what it is told to without saying so, and then refuses for a while.
type silent struct {
	*mem.Store
	unanswered, refused int
}

func (s *silent) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	switch {
	case s.unanswered > 0:
		s.unanswered--
		_, err := s.Store.Commit(ctx, reads, writes)
		return 0, errors.Join(errors.New("no answer"), err)
	case s.refused > 0:
		s.refused--
		return 0, errors.New("refused")
	}
	return s.Store.Commit(ctx, reads, writes)
}

// An interface of which the store did not say whether it was made does not stay, and neither does one that the store does not let
// go of at once: the VPC could not be deleted.
func TestUncertainInterfaceGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := &silent{Store: mem.New()}
		view := withSubnet(t, kv)
		e := NewExecServer("host", view, nil, slog.New(slog.DiscardHandler))
		kv.unanswered, kv.refused = 1, 3
		ni, err := e.open(t.Context(), &Command{Subnet: "subnet-1"})
		if err == nil || ni == nil {
			t.Fatalf("an interface that may be there is told of as %v, %v", ni, err)
		}
		e.abandon(t.Context(), ni.ID)
		if left := Stale(view.Snapshot(), "host"); len(left) > 0 || kv.refused > 0 {
			t.Errorf("%v stays, %d refusals were not met", left, kv.refused)
		}
		view.Close()
		_ = kv.Close()
	})
}

// stuck commits nothing once it is told to, until it is let go.
type stuck struct {
	*mem.Store
	from int64 // commits that pass
	free chan struct{}
}

func (s *stuck) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	if s.from--; s.from < 0 {
		<-s.free
	}
	return s.Store.Commit(ctx, reads, writes)
}

// ended is a program that ends at once.
type ended struct{}

func (ended) Start(context.Context, string, Command, int, int, [3]*os.File) (Process, error) {
	return ended{}, nil
}
func (ended) Signal(os.Signal) error { return nil }
func (ended) Wait() (int, error)     { return 0, nil }

// A program's output ends with the program, even if the store does not let go of its interface for long: who reads it to its end
// would wait for the store.
func TestOutputEndsWithProgram(t *testing.T) {
	kv := &stuck{Store: mem.New(), from: 2, free: make(chan struct{})}
	t.Cleanup(func() { _ = kv.Close() })
	view := withSubnet(t, kv)
	t.Cleanup(view.Close)
	e := NewExecServer("host", view, ended{}, slog.New(slog.DiscardHandler))
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range pair {
		f := os.NewFile(uintptr(fd), "exec")
		c, err := net.FileConn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		ends[i] = c.(*net.UnixConn)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fd := int(w.Fd())
	if _, _, err := ends[0].WriteMsgUnix([]byte(`{"Subnet":"subnet-1","Args":["true"]}`+"\n"), unix.UnixRights(fd, fd, fd), nil); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	served := make(chan error, 1)
	go func() { served <- e.serve(t.Context(), ends[1]) }()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || len(text) > 0 {
		t.Errorf("the program's output is %q, %v", text, err)
	}
	close(kv.free)
	if err := errors.Join(<-served, r.Close()); err != nil {
		t.Error(err)
	}
	if left := Stale(view.Snapshot(), "host"); len(left) > 0 {
		t.Errorf("%v stays", left)
	}
}
