package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// execUser is the user of the interfaces of a host's exec sessions; a session's id follows.
func execUser(host string) string { return "exec/" + host + "/" }

// Command is a program to run inside a subnet.
type Command struct {
	VPC, Subnet string
	Groups      []string
	Args        []string
	Env         []string
	Dir         string
	// UID and GID are the caller's own view of itself.
	UID, GID int
}

// Process is a running Command.
type Process interface {
	Signal(os.Signal) error
	// Wait returns the exit status, 128 and the signal's number for a program that a signal ended.
	Wait() (int, error)
}

// Runner starts programs behind network interfaces.
type Runner interface {
	// Start waits until the interface is there, and runs the program as uid and gid with the files as its stdio.
	Start(ctx context.Context, networkInterface string, cmd Command, uid, gid int, stdio [3]*os.File) (Process, error)
}

// ExecMessage is what the server says on an exec connection, one JSON object a line.
type ExecMessage struct {
	Error string `json:"error,omitempty"`
	Exit  *int   `json:"exit,omitempty"`
}

// ExecServer runs programs for clients that pass their stdio over the socket.
type ExecServer struct {
	host   string
	view   *state.View
	runner Runner
	log    *slog.Logger

	// abandoned are the interfaces of which nobody knows yet whether they were made.
	abandoned sync.WaitGroup
}

// NewExecServer returns the ExecServer of a host.
func NewExecServer(host string, view *state.View, runner Runner, log *slog.Logger) *ExecServer {
	return &ExecServer{host: host, view: view, runner: runner, log: log}
}

// Serve answers connections until the listener closes. A connection is one program: a JSON Command with three file
// descriptors, then a byte for each signal; when the client goes, so does the program. It returns when all have ended,
// which they do with ctx.
func (e *ExecServer) Serve(ctx context.Context, l *Listener) error {
	var sessions sync.WaitGroup
	defer e.abandoned.Wait()
	defer sessions.Wait()
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		sessions.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			if err := e.serve(ctx, conn); err != nil {
				text := "internal error; the server's log has more"
				var f *fault.Error
				if errors.As(err, &f) && f.Kind != fault.Internal {
					text = f.Message
				} else if ctx.Err() == nil {
					e.log.Error("exec failed", "error", err)
				}
				_ = json.NewEncoder(conn).Encode(ExecMessage{Error: text})
			}
		})
	}
}

func (e *ExecServer) serve(ctx context.Context, conn *net.UnixConn) error {
	cred, err := peer(conn)
	if err != nil {
		return err
	}
	cmd, stdio, err := receive(conn)
	if err != nil {
		return err
	}
	defer closeAll(stdio)
	if len(cmd.Args) == 0 {
		return fault.New(fault.Invalid, "", "There is no command to run.")
	}
	// Not cut short: an interface that was made and not told of would stay.
	ni, err := e.open(context.WithoutCancel(ctx), &cmd)
	if err != nil {
		if ni != nil {
			e.abandoned.Go(func() { e.abandon(ctx, ni.ID) })
		}
		return err
	}
	defer e.close(ctx, ni.ID)
	p, err := e.runner.Start(ctx, ni.ID, cmd, int(cred.Uid), int(cred.Gid), stdio)
	// The program has them now: its output ends with it, however long its interface takes to go.
	closeAll(stdio)
	if err != nil {
		return err
	}
	go func() {
		signals := make([]byte, 16)
		for {
			n, err := conn.Read(signals)
			for _, s := range signals[:n] {
				_ = p.Signal(syscall.Signal(s))
			}
			if err != nil {
				// The client is gone, and the program goes with it, unless it was the first to.
				_ = p.Signal(syscall.SIGKILL)
				return
			}
		}
	}()
	code, err := p.Wait()
	if err != nil {
		return err
	}
	// A client that is gone does not want to know.
	_ = json.NewEncoder(conn).Encode(ExecMessage{Exit: &code})
	return nil
}

func closeAll(files [3]*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// open makes the interface the program lives behind. With an interface it returns an error that leaves open whether it was made.
func (e *ExecServer) open(ctx context.Context, cmd *Command) (*vpc.NetworkInterface, error) {
	var ni *vpc.NetworkInterface
	err := e.view.Update(ctx, func(tx *state.Tx) error {
		ni = nil
		subnet, groups, err := place(tx, cmd.VPC, cmd.Subnet, cmd.Groups)
		if err != nil {
			return err
		}
		ni, err = state.CreateInterface(tx, subnet, vpc.NetworkInterface{Groups: groups, Type: vpc.PlainInterface, Description: "trellis exec", Requester: "trellis",
			RequesterManaged: true, User: execUser(e.host) + arn.RandomHex(8), InstanceOwner: subnet.Account, AttachmentID: arn.MintHex("eni-attach-"),
			Attached: time.Now().UTC(), SourceDestCheck: true})
		return err
	})
	return ni, err
}

// uncertain is how long a write that was not answered may still happen: a member of the store that was cut off has it yet.
const uncertain = 10 * time.Minute

// abandon removes an interface if it turns out to have been made.
func (e *ExecServer) abandon(ctx context.Context, id string) {
	wait, cancel := context.WithTimeout(ctx, uncertain)
	defer cancel()
	for {
		s := e.view.Snapshot()
		if _, made := state.Interfaces.Get(s, id); made {
			e.close(ctx, id)
			return
		}
		if _, err := e.view.After(wait, s.Rev); err != nil {
			return
		}
	}
}

// close removes the interface of a session, however long the store refuses. When the server ends, its store ends with it, and
// Sweep finds the interface when it starts again.
func (e *ExecServer) close(ctx context.Context, id string) {
	for ctx.Err() == nil {
		err := e.view.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
			state.Interfaces.Delete(tx, id)
			return nil
		})
		if err == nil {
			return
		}
		e.log.Warn("the interface of an exec session stays for now", "interface", id, "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// Stale lists the interfaces of sessions that ended with the host's server, before it has new ones.
func Stale(s *state.Snapshot, host string) []string {
	var out []string
	for i := range state.Interfaces.All(s) {
		if strings.HasPrefix(i.User, execUser(host)) {
			out = append(out, i.ID)
		}
	}
	return out
}

// Sweep removes such interfaces.
func Sweep(ctx context.Context, view *state.View, stale []string) error {
	if len(stale) == 0 {
		return nil
	}
	return view.Update(ctx, func(tx *state.Tx) error {
		for _, id := range stale {
			state.Interfaces.Delete(tx, id)
		}
		return nil
	})
}

// place finds the subnet and the security groups a program runs in: the VPC's first subnet where only a VPC is named, its
// default group where none is.
func place(r state.Reader, vpcID, subnetID string, groups []string) (*vpc.Subnet, []string, error) {
	var subnet *vpc.Subnet
	if subnetID != "" {
		s, ok := state.Subnets.Get(r, subnetID)
		if !ok {
			return nil, nil, fault.New(fault.NotFound, "", "Subnet %s does not exist.", subnetID)
		}
		subnet = s
	} else {
		if _, ok := state.VPCs.Get(r, vpcID); !ok {
			return nil, nil, fault.New(fault.NotFound, "", "VPC %s does not exist.", vpcID)
		}
		for s := range state.Subnets.By(r, state.ByVPC, vpcID) {
			subnet = s
			break
		}
		if subnet == nil {
			return nil, nil, fault.New(fault.NotFound, "", "VPC %s has no subnet.", vpcID)
		}
	}
	if vpcID != "" && subnet.VPC != vpcID {
		return nil, nil, fault.New(fault.Invalid, "", "Subnet %s is in %s, not in %s.", subnet.ID, subnet.VPC, vpcID)
	}
	if len(groups) == 0 {
		v, ok := state.VPCs.Get(r, subnet.VPC)
		if !ok {
			return nil, nil, fault.New(fault.NotFound, "", "VPC %s does not exist.", subnet.VPC)
		}
		return subnet, []string{v.DefaultSecurityGroupID}, nil
	}
	for _, g := range groups {
		if row, ok := state.SecurityGroups.Get(r, g); !ok || row.VPC != subnet.VPC {
			return nil, nil, fault.New(fault.NotFound, "", "Security group %s does not exist in %s.", g, subnet.VPC)
		}
	}
	return subnet, slices.Clone(groups), nil
}

// receive reads a Command and the client's stdio.
func receive(conn *net.UnixConn) (cmd Command, stdio [3]*os.File, err error) {
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return cmd, stdio, err
	}
	data, oob := make([]byte, 1<<20), make([]byte, unix.CmsgSpace(3*4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		return cmd, stdio, err
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return cmd, stdio, err
	}
	for _, m := range messages {
		got, err := unix.ParseUnixRights(&m)
		if err != nil {
			return cmd, stdio, err
		}
		fds = append(fds, got...)
	}
	if len(fds) != 3 || flags&unix.MSG_CTRUNC != 0 {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return cmd, stdio, fault.New(fault.Invalid, "", "The client must pass three file descriptors, it passed %d.", len(fds))
	}
	for i, fd := range fds {
		unix.CloseOnExec(fd)
		stdio[i] = os.NewFile(uintptr(fd), fmt.Sprintf("stdio%d", i))
	}
	// The command may be longer than one read; a newline ends it.
	data = data[:n]
	for len(data) == 0 || data[len(data)-1] != '\n' {
		more := make([]byte, 1<<16)
		n, err := conn.Read(more)
		if err != nil || len(data) > 4<<20 {
			return cmd, stdio, errors.Join(err, io.ErrUnexpectedEOF)
		}
		data = append(data, more[:n]...)
	}
	if err := json.Unmarshal(data, &cmd); err != nil {
		return cmd, stdio, fault.New(fault.Invalid, "", "The command is not valid JSON: %v", err)
	}
	return cmd, stdio, conn.SetReadDeadline(time.Time{})
}
