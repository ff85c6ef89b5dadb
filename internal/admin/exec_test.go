package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

type unsealed struct{}

func (unsealed) Seal(b []byte) []byte          { return b }
func (unsealed) Open(b []byte) ([]byte, error) { return b, nil }

// fakeProgram runs until it gets a signal.
type fakeProgram struct{ signals chan os.Signal }

func (p *fakeProgram) Start(context.Context, string, Command, int, int, [3]*os.File) (Process, error) {
	return p, nil
}

func (p *fakeProgram) Signal(s os.Signal) error {
	p.signals <- s
	return nil
}

func (p *fakeProgram) Wait() (int, error) {
	return 128 + int((<-p.signals).(syscall.Signal)), nil
}

func TestExecSessionsEnd(t *testing.T) {
	s := mem.New()
	view, err := state.Open(t.Context(), s, unsealed{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { view.Close(); _ = s.Close() })
	owner := vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	err = view.Update(t.Context(), func(tx *state.Tx) error {
		state.VPCs.Put(tx, &vpc.VPC{Owner: owner, ID: "vpc-1", DefaultSecurityGroupID: "sg-1", CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: owner, ID: "subnet-1", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.1.0/24")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, end := range map[string]func(client *net.UnixConn){
		"by a signal":         func(client *net.UnixConn) { _, _ = client.Write([]byte{byte(syscall.SIGTERM)}) },
		"with their client":   func(client *net.UnixConn) { _ = client.Close() },
		"by a strange client": func(client *net.UnixConn) { _ = client.CloseWrite() },
	} {
		t.Run(what, func(t *testing.T) {
			program := &fakeProgram{make(chan os.Signal, 8)}
			path := filepath.Join(t.TempDir(), ExecSocket)
			l, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() {
				served <- NewExecServer(view, program, slog.New(slog.DiscardHandler)).Serve(ctx, l)
			}()
			client, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			raw, err := json.Marshal(Command{VPC: "vpc-1", Args: []string{"program"}})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := client.WriteMsgUnix(append(raw, '\n'), syscall.UnixRights(0, 1, 2), nil); err != nil {
				t.Fatal(err)
			}
			for s := view.Snapshot(); state.Interfaces.Len(s) == 0; {
				if s, err = view.After(t.Context(), s.Rev); err != nil {
					t.Fatal(err)
				}
			}
			end(client)
			if what == "by a signal" {
				if answer, err := io.ReadAll(client); err != nil || string(answer) != `{"exit":143}`+"\n" {
					t.Errorf("the answer is %q (%v)", answer, err)
				}
			}
			for s := view.Snapshot(); state.Interfaces.Len(s) > 0; {
				if s, err = view.After(t.Context(), s.Rev); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			l.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
