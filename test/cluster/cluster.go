// Package cluster runs an etcd cluster for tests: every member is a process of the test's own binary, which its TestMain
// makes possible by calling Member, and speaks TLS with client certificates on loopback unless it is plain. Members can be killed and started
// again, frozen, and cut off from each other and from clients, in one direction or both. A Cluster owns the processes, what
// carries their bytes, and its directory.
package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Cluster is running members. Use Start.
type Cluster struct {
	Endpoints []string
	// CA, Cert and Key are the files a client needs.
	CA, Cert, Key string

	members []*member
	wires   *wires
	client  *clientv3.Client
}

type member struct {
	settings settings
	cmd      *exec.Cmd
	ended    chan struct{}
}

// Start starts n members with their data in dir. quota is how many bytes each takes, 0 is etcd's own.
func Start(dir string, n int, quota int64) (*Cluster, error) { return start(dir, n, quota, "https") }

// Plain starts n members that speak to clients without TLS: CA, Cert and Key are empty.
func Plain(dir string, n int) (*Cluster, error) { return start(dir, n, 0, "http") }

func start(dir string, n int, quota int64, scheme string) (*Cluster, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := certify(dir, n); err != nil {
		return nil, err
	}
	w, err := newWires(n)
	if err != nil {
		return nil, err
	}
	c, authority := &Cluster{wires: w}, filepath.Join(dir, "ca.crt")
	if scheme == "https" {
		c.CA, c.Cert, c.Key = authority, filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	}
	var initial []string
	for i := range n {
		s := settings{Name: fmt.Sprint("m", i), Dir: filepath.Join(dir, fmt.Sprint("m", i)), Quota: quota,
			Client: scheme + "://" + w.members[i].clients.Addr().String(), Peer: "https://" + peerName(i) + ":2380",
			CA: authority, Cert: filepath.Join(dir, "member.crt"), Key: filepath.Join(dir, "member.key")}
		initial = append(initial, s.Name+"="+s.Peer)
		c.Endpoints = append(c.Endpoints, s.Client)
		c.members = append(c.members, &member{settings: s})
	}
	ready := make(chan error, n)
	for i, m := range c.members {
		m.settings.Initial = strings.Join(initial, ",")
		go func() { ready <- m.start(w, i) }()
	}
	for range n {
		err = errors.Join(err, <-ready)
	}
	if err == nil {
		c.client, err = c.connect()
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) connect() (*clientv3.Client, error) {
	cfg := clientv3.Config{Endpoints: c.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(c.wires.around)}}
	if c.CA == "" {
		return clientv3.New(cfg)
	}
	authority, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return clientv3.New(cfg)
}

// Client is an operator's client of the cluster, who reaches every member whatever is cut.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// start starts the member, tells the wires where it listens, and waits until it is ready.
func (m *member) start(w *wires, i int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(m.settings)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(m.settings.Dir+".log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(self, argument, string(text))
	m.cmd.Stderr = log
	m.cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://"+w.members[i].proxy.Addr().String(), "NO_PROXY=", "no_proxy=")
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if _, err := m.cmd.StdinPipe(); err != nil {
		return err
	}
	started, ended := make(chan error), make(chan struct{})
	m.ended = ended
	go func() {
		// The member dies with the thread that started it, which is this one until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			<-ended
		}
	}()
	if err := <-started; err != nil {
		close(ended)
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		var client, peer string
		if lines.Scan() {
			client, peer, _ = strings.Cut(lines.Text(), " ")
			w.moved(i, client, peer)
		}
		ready <- lines.Scan() && lines.Text() == "ready"
		_, _ = io.Copy(io.Discard, out)
		_ = m.cmd.Wait()
		close(ended)
	}()
	if !<-ready {
		<-ended
		said, _ := os.ReadFile(m.settings.Dir + ".log")
		return fmt.Errorf("member %s did not start: %s", m.settings.Name, said)
	}
	return nil
}

// Kill ends a member as a crash does.
func (c *Cluster) Kill(i int) error {
	m := c.members[i]
	if err := m.cmd.Process.Kill(); err != nil {
		return err
	}
	<-m.ended
	return nil
}

// Restart starts a member that was killed.
func (c *Cluster) Restart(i int) error { return c.members[i].start(c.wires, i) }

// Freeze stops a member's process: its connections stay and nothing is answered.
func (c *Cluster) Freeze(i int) error { return c.members[i].cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (c *Cluster) Thaw(i int) error { return c.members[i].cmd.Process.Signal(syscall.SIGCONT) }

// Cut cuts a member off from the others and from clients. It lives on.
func (c *Cluster) Cut(i int) {
	c.Deafen(i)
	c.wires.set(true, c.from(i)...)
}

// Part cuts a member off from the others, while clients reach it.
func (c *Cluster) Part(i int) {
	for _, d := range append(c.from(i), c.to(i)...) {
		if d.from != outside && d.to != outside {
			c.wires.set(true, d)
		}
	}
}

// Deafen keeps from a member what anybody says to it, while what it says is heard.
func (c *Cluster) Deafen(i int) { c.wires.set(true, c.to(i)...) }

// Shut cuts a member off from clients, while it stays one of the members.
func (c *Cluster) Shut(i int) { c.wires.set(true, direction{outside, i}, direction{i, outside}) }

// Mute keeps from clients what a member answers, while it hears them.
func (c *Cluster) Mute(i int) { c.wires.set(true, direction{i, outside}) }

// Heal ends Cut, Part, Deafen, Shut and Mute.
func (c *Cluster) Heal(i int) { c.wires.set(false, append(c.from(i), c.to(i)...)...) }

func (c *Cluster) from(i int) []direction {
	ds := []direction{{i, outside}}
	for j := range c.members {
		if j != i {
			ds = append(ds, direction{i, j})
		}
	}
	return ds
}

func (c *Cluster) to(i int) []direction {
	ds := c.from(i)
	for n, d := range ds {
		ds[n] = direction{d.to, d.from}
	}
	return ds
}

// Leader is the member that leads, as those say that can be asked.
func (c *Cluster) Leader(ctx context.Context) (int, error) {
	err := errors.New("no member leads")
	for range 50 {
		for i, e := range c.Endpoints {
			asking, cancel := context.WithTimeout(ctx, time.Second)
			s, why := c.client.Status(asking, e)
			cancel()
			if why == nil && s.Leader == s.Header.MemberId {
				return i, nil
			}
			if why != nil {
				err = why
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, err
}

// MoveLeader makes another member lead.
func (c *Cluster) MoveLeader(ctx context.Context) error {
	from, err := c.Leader(ctx)
	if err != nil {
		return err
	}
	to, err := c.client.Status(ctx, c.Endpoints[(from+1)%len(c.Endpoints)])
	if err != nil {
		return err
	}
	direct, err := c.only(from)
	if err != nil {
		return err
	}
	defer direct.Close()
	_, err = direct.MoveLeader(ctx, to.Header.MemberId)
	return err
}

func (c *Cluster) only(i int) (*clientv3.Client, error) {
	alone := *c
	alone.Endpoints = c.Endpoints[i : i+1]
	return alone.connect()
}

// insist asks until a member answers: one that is cut off may be asked first, and is not waited for.
func insist(ctx context.Context, ask func(context.Context) error) (err error) {
	for range 10 {
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		err = ask(asking)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// Compact forgets the history up to now.
func (c *Cluster) Compact(ctx context.Context) error {
	return insist(ctx, func(ctx context.Context) error {
		now, err := c.client.Get(ctx, "none")
		if err != nil {
			return err
		}
		if _, err = c.client.Compact(ctx, now.Header.Revision); errors.Is(err, rpctypes.ErrCompacted) {
			return nil
		}
		return err
	})
}

// MakeSpace compacts and defragments every member and disarms its alarms, as an operator of a full cluster does.
func (c *Cluster) MakeSpace(ctx context.Context) error {
	if err := c.Compact(ctx); err != nil {
		return err
	}
	for _, e := range c.Endpoints {
		if _, err := c.client.Defragment(ctx, e); err != nil {
			return err
		}
	}
	_, err := c.client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	return err
}

// Clear removes every key.
func (c *Cluster) Clear(ctx context.Context) error {
	return insist(ctx, func(ctx context.Context) error {
		_, err := c.client.Delete(ctx, "", clientv3.WithPrefix())
		return err
	})
}

// Stop ends every member.
func (c *Cluster) Stop() error {
	var errs []error
	if c.client != nil {
		errs = append(errs, c.client.Close())
	}
	for i, m := range c.members {
		select {
		case <-m.ended:
		default:
			if m.cmd != nil && m.cmd.Process != nil {
				errs = append(errs, c.Kill(i))
			}
		}
	}
	c.wires.end()
	return errors.Join(errs...)
}
