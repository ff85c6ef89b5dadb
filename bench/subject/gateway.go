package subject

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"trellis/internal/guard"
	"trellis/internal/iam"
	"trellis/internal/journal"
	"trellis/internal/proxy"
	"trellis/internal/proxy/server"
)

// The world of the gateway: one service, for which the landing zone's policy is in force, in the network of the caller's VPC.
const (
	Host    = "directory-0123456789abcdefg.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
	account = "222222222222"
	policy  = `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Blue","Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{` +
		`"vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":"blue","vpc-lattice-svcs:SourceVpcOwnerAccount":"` + account + `"}}},` +
		`{"Sid":"Green","Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{` +
		`"vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":"green","vpc-lattice-svcs:SourceVpcOwnerAccount":"333333333333"}}}]}`
)

// Opened is what a gateway says first.
type Opened struct{ Addr netip.AddrPort }

// Counted is what a gateway says to each line that it is sent.
type Counted struct {
	Allocations uint64
	Bytes       uint64
	Dropped     int64
}

// loopback stands for the namespaces of VPCs: an address inside one is a port of loopback.
type loopback struct {
	mu     sync.Mutex
	opened netip.AddrPort
}

// Listen implements server.Network.
func (n *loopback) Listen(context.Context, string, netip.AddrPort) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opened, err = netip.ParseAddrPort(l.Addr().String())
	return l, err
}

// Dial implements server.Network.
func (n *loopback) Dial(ctx context.Context, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}

// records writes access records as the server does: into the journal of a log group.
type records struct {
	journal *journal.Store
	log     io.Writer
	events  []journal.Event
}

// Write implements server.AccessLog.
func (r *records) Write(batch []server.AccessRecord) {
	now := time.Now().UnixMilli()
	r.events = r.events[:0]
	for _, b := range batch {
		r.events = append(r.events, journal.Event{Time: b.Time.UnixMilli(), Ingested: now, Message: b.JSON})
	}
	if err := r.journal.Append("group", "stream", r.events); err != nil {
		fmt.Fprintln(r.log, "access records could not be written:", err)
	}
}

// Gateway serves Trellis' proxy before a target until the input ends, with its access log in dir. A profile is written
// there if asked for.
func Gateway(in io.Reader, out io.Writer, dir string, target netip.AddrPort, profile bool) (err error) {
	store, err := journal.Open(filepath.Join(dir, "logs"))
	if err != nil {
		return err
	}
	if err := store.Create("group", "stream", time.Now().UnixMilli()); err != nil {
		return err
	}
	document, err := iam.Parse(iam.ResourcePolicy, policy)
	if err != nil {
		return err
	}
	n := &loopback{}
	s := server.New(server.Config{Network: n, AccessLog: &records{journal: store, log: os.Stderr}})
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if closed := s.Close(ctx); !errors.Is(closed, context.DeadlineExceeded) {
			err = errors.Join(err, closed)
		}
	}()
	if err := s.Apply(context.Background(), table(target, guard.Auth(document))); err != nil {
		return err
	}
	if profile {
		f, err := os.Create(filepath.Join(dir, "cpu.pprof"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	say := json.NewEncoder(out)
	if err := say.Encode(Opened{n.opened}); err != nil {
		return err
	}
	asked := bufio.NewScanner(in)
	for asked.Scan() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err := say.Encode(Counted{m.Mallocs, m.TotalAlloc, s.Stats().LogDropped}); err != nil {
			return err
		}
	}
	return asked.Err()
}

// table has one service whose requests go to the target.
func table(target netip.AddrPort, p proxy.Policy) *proxy.Table {
	const prefix = "arn:aws:vpc-lattice:us-west-2:111111111111:"
	group := &proxy.TargetGroup{ARN: prefix + "targetgroup/tg-0123456789abcdefg", VPC: "vpc-0fedcba9876543210", Type: proxy.TargetIP, Protocol: proxy.HTTP,
		Targets: []proxy.Target{{ID: target.Addr().String(), Addr: target, Namespace: "shared"}}}
	id, _, _ := strings.Cut(Host, ".")
	service := &proxy.Service{ID: id, ARN: prefix + "service/svc-0123456789abcdefg", Account: "111111111111", Hosts: []string{Host},
		Auth:      proxy.Auth{Type: proxy.AuthIAM, Policy: p},
		Listeners: []*proxy.Listener{{Port: 80, Protocol: proxy.HTTP, Default: proxy.Action{Groups: []proxy.WeightedGroup{{Group: group, Weight: 100}}}}}}
	network := &proxy.ServiceNetwork{ID: "sn-0123456789abcdefg", ARN: prefix + "servicenetwork/sn-0123456789abcdefg",
		Auth: proxy.Auth{Type: proxy.AuthNone}, Services: []*proxy.Service{service}}
	return proxy.NewTable([]*proxy.VPC{{Namespace: "blue", ID: "vpc-0123456789abcdef0", ARN: "arn:aws:ec2:us-west-2:" + account + ":vpc/vpc-0123456789abcdef0",
		Owner: account, Network: network, Bindings: []netip.AddrPort{netip.MustParseAddrPort("169.254.171.33:80")}}}, nil)
}
