package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trellis/bench/load"
	"trellis/bench/peer"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/subject"
)

// Names of what proxies are compared with.
const (
	trellis = "Trellis"
	relay   = "relay"
	nginx   = "nginx"
	haproxy = "HAProxy"
	envoy   = "Envoy"
)

// contender is a proxy under test, or a floor.
type contender struct {
	name                   string
	process                *process.Process
	allowed, large, denied netip.AddrPort
}

// Connections of clients. With few of them a proxy waits between requests; with many it finds several at each look, which
// spares it most of the waiting and waking.
const (
	fewConns  = 8
	manyConns = 64
)

func (b *bench) proxies(ctx context.Context) error {
	l, err := b.loader()
	if err != nil {
		return err
	}
	var floors subject.Floors
	floor, err := b.actor(&floors, subjectCore, "floor", l.target.String())
	if err != nil {
		return err
	}
	gateway, ours, err := b.gateway(l.target)
	if err != nil {
		return err
	}
	contenders := []contender{
		{relay, floor.Process, floors.Relay, floors.Stream, floors.Refusal},
		{trellis, gateway.Process, ours, ours, ours},
	}
	contenders = append(contenders, b.proxyPeers(ctx, l.target)...)

	p := &proxyRun{bench: b, load: l, gateway: gateway}
	var o outcomes
	for _, s := range []struct {
		to *map[string]*outcome
		scenario
	}{
		{&o.allowed, scenario{request: allowedRequest, status: 200, body: load.Small, conns: fewConns}},
		{&o.many, scenario{request: allowedRequest, status: 200, body: load.Small, conns: manyConns}},
		{&o.denied, scenario{request: "/directory?q=green", status: 403, conns: fewConns, denied: true}},
		{&o.large, scenario{request: "/large?q=blue", status: 200, body: load.Large, conns: fewConns, large: true}},
	} {
		if *s.to, err = p.compare(ctx, contenders, s.scenario); err != nil {
			return err
		}
	}
	if o.half, err = p.half(ctx, contenders, o.many); err != nil {
		return err
	}
	p.tell(o)
	return nil
}

// gateway starts Trellis' proxy.
func (b *bench) gateway(target netip.AddrPort) (*actor, netip.AddrPort, error) {
	dir, err := b.folder("gateway")
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	mode := "plain"
	if b.profile {
		mode = "profile"
		if dir, err = filepath.Abs("bin/profile"); err != nil {
			return nil, netip.AddrPort{}, err
		}
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			return nil, netip.AddrPort{}, err
		}
		b.say("  the proxy's profile will be %s", filepath.Join(dir, "cpu.pprof"))
	}
	var hello subject.Opened
	a, err := b.actor(&hello, subjectCore, "gateway", dir, target.String(), mode)
	return a, hello.Addr, err
}

// proxyPeers starts the peers that are there.
func (b *bench) proxyPeers(ctx context.Context, target netip.AddrPort) []contender {
	var out []contender
	for _, p := range []struct {
		name  string
		find  func(context.Context) (peer.Binary, error)
		start func(peer.Binary, string, int, netip.AddrPort, netip.AddrPort) (*process.Process, error)
	}{
		{nginx, b.peers.Nginx, peer.StartNginx}, {haproxy, b.peers.HAProxy, peer.StartHAProxy}, {envoy, b.peers.Envoy, peer.StartEnvoy},
	} {
		at, proc, err := b.proxyPeer(ctx, p.name, p.find, func(found peer.Binary, dir string, at netip.AddrPort) (*process.Process, error) {
			return p.start(found, dir, subjectCore, at, target)
		})
		if err != nil {
			b.absent(p.name, err)
			continue
		}
		out = append(out, contender{p.name, proc, at, at, at})
	}
	return out
}

// proxyPeer starts a peer at a free port and waits until it listens.
func (b *bench) proxyPeer(ctx context.Context, name string, find func(context.Context) (peer.Binary, error),
	start func(peer.Binary, string, netip.AddrPort) (*process.Process, error)) (netip.AddrPort, *process.Process, error) {
	found, err := find(ctx)
	if err != nil {
		return netip.AddrPort{}, nil, err
	}
	at, err := freePort()
	if err != nil {
		return at, nil, err
	}
	p, err := start(found, filepath.Join(b.dir, strings.ToLower(name)), at)
	if err != nil {
		return at, nil, err
	}
	b.started = append(b.started, p)
	if err := listens(ctx, at, p); err != nil {
		return at, nil, err
	}
	b.beside(found.Version)
	return at, p, nil
}

func freePort() (netip.AddrPort, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	return at, errors.Join(err, l.Close())
}

// listens waits until a process takes connections.
func listens(ctx context.Context, at netip.AddrPort, p *process.Process) error {
	for range 600 {
		c, err := net.Dial("tcp", at.String())
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.Done():
			return fmt.Errorf("it ended at once: %s", p.Tail())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("it does not listen after 30 s: %s", p.Tail())
}

const allowedRequest = "/directory?q=blue"

// scenario is what is asked of every contender.
type scenario struct {
	request       string
	status        int
	body          int64
	conns         int
	denied, large bool
}

func (s scenario) job(c contender) load.Job {
	at := c.allowed
	switch {
	case s.denied:
		at = c.denied
	case s.large:
		at = c.large
	}
	text := "GET " + s.request + " HTTP/1.1\r\nHost: " + subject.Host + "\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
	return load.Job{Addr: at, Requests: [][]byte{[]byte(text)}, Conns: s.conns, Status: s.status, Body: s.body}
}

// outcome is what was measured of one contender.
type outcome struct {
	cpu, user, rate, p50, p99 []float64
	allocations               []float64
}

// outcomes are those of all scenarios, by contender.
type outcomes struct{ allowed, many, denied, large, half map[string]*outcome }

// proxyRun measures contenders in turns.
type proxyRun struct {
	*bench
	load    *loader
	gateway *actor
}

// names of contenders in the order of the table, ours apart.
var proxyNames = []string{relay, nginx, haproxy, envoy}

// compare measures a scenario: every contender once, and again.
func (p *proxyRun) compare(ctx context.Context, contenders []contender, s scenario) (map[string]*outcome, error) {
	out := map[string]*outcome{}
	rounds, long := p.turns()
	for round := range rounds + 1 {
		for _, c := range inAnyOrder(contenders) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			j := s.job(c)
			j.Count, j.Time = 4<<20, long
			o := out[c.name]
			if o == nil {
				o = &outcome{}
				out[c.name] = o
			}
			warming := round == 0
			if err := p.once(c, j, o, warming); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return out, nil
}

// inAnyOrder shuffles the contenders of a round. What the machine does every two seconds would else fall on the same one of them in
// every round, which takes about as long.
func inAnyOrder(contenders []contender) []contender {
	out := slices.Clone(contenders)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

const (
	// A turn is disturbed if something else had a core for so long at a time: clients or proxy stood still meanwhile.
	disturbance = time.Millisecond
	// A turn is measured at most so often; the last one counts, disturbed or not.
	tries = 4
)

// once is one turn of one contender, measured again if something else disturbs it.
func (p *proxyRun) once(c contender, j load.Job, o *outcome, discard bool) error {
	for try := 1; ; try++ {
		before, err := process.OthersNow()
		if err != nil {
			return err
		}
		var got outcome
		if err := p.turn(c, j, &got); err != nil || discard {
			return err
		}
		after, err := process.OthersNow()
		if err != nil {
			return err
		}
		p.disturbed.Turns++
		name, long := after.Longest(before)
		if long < disturbance || try == tries {
			o.add(got)
			return nil
		}
		p.disturbed.By(name)
	}
}

func (o *outcome) add(turn outcome) {
	o.cpu, o.user, o.rate = append(o.cpu, turn.cpu...), append(o.user, turn.user...), append(o.rate, turn.rate...)
	o.p50, o.p99, o.allocations = append(o.p50, turn.p50...), append(o.p99, turn.p99...), append(o.allocations, turn.allocations...)
}

// turn loads one contender.
func (p *proxyRun) turn(c contender, j load.Job, o *outcome) error {
	var counted, after subject.Counted
	if err := p.count(&counted); err != nil {
		return err
	}
	before, err := c.process.Usage()
	if err != nil {
		return err
	}
	r, err := p.load.do(j)
	if err != nil {
		return err
	}
	used, err := c.process.Usage()
	if err != nil {
		return err
	}
	if err := p.count(&after); err != nil {
		return err
	}
	used = used.Sub(before)
	n := float64(r.Answered)
	o.cpu = append(o.cpu, micros(used.CPU())/n)
	o.user = append(o.user, micros(used.User)/n)
	o.rate = append(o.rate, n/r.Elapsed.Seconds())
	o.p50 = append(o.p50, micros(r.P50))
	o.p99 = append(o.p99, micros(r.P99))
	if c.name == trellis {
		o.allocations = append(o.allocations, float64(after.Allocations-counted.Allocations)/n)
		if lost := after.Dropped - counted.Dropped; lost > 0 {
			return fmt.Errorf("%d of %d access records were dropped", lost, r.Answered)
		}
	}
	return nil
}

func (p *proxyRun) count(c *subject.Counted) error {
	if _, err := p.gateway.In.Write([]byte("count\n")); err != nil {
		return err
	}
	return p.gateway.listen(c)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// half asks every contender at one rate: half of what Trellis carries, or of what the contender does where that is less.
func (p *proxyRun) half(ctx context.Context, contenders []contender, full map[string]*outcome) (map[string]*outcome, error) {
	out := map[string]*outcome{}
	rounds, long := p.turns()
	carried := func(name string) float64 { return report.Sample{Values: full[name].rate}.Median() }
	for range rounds {
		for _, c := range inAnyOrder(contenders) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			j := scenario{request: allowedRequest, status: 200, body: load.Small, conns: manyConns}.job(c)
			j.Time, j.Rate = long, min(carried(trellis), carried(c.name))/2
			j.Count = int(j.Rate * long.Seconds())
			if out[c.name] == nil {
				out[c.name] = &outcome{}
			}
			if err := p.once(c, j, out[c.name], false); err != nil {
				return nil, fmt.Errorf("%s at %.0f requests a second: %w", c.name, j.Rate, err)
			}
		}
	}
	return out, nil
}

// tell makes figures of the outcomes.
func (p *proxyRun) tell(all outcomes) {
	add := func(name string, unit report.Unit, from map[string]*outcome, get func(*outcome) []float64, aim *report.Aim, limit string) {
		f := report.Figure{Group: "Proxy", Name: name, Unit: unit, Aim: aim, Limit: limit, Ours: report.Sample{Subject: trellis, Values: get(from[trellis])}}
		for _, n := range proxyNames {
			if o := from[n]; o != nil {
				f.Beside = append(f.Beside, report.Sample{Subject: n, Values: get(o)})
			}
		}
		p.add(f)
	}
	cpu := func(o *outcome) []float64 { return o.cpu }
	rate := func(o *outcome) []float64 { return o.rate }
	p50 := func(o *outcome) []float64 { return o.p50 }
	p99 := func(o *outcome) []float64 { return o.p99 }
	for _, s := range []struct {
		clients int
		from    map[string]*outcome
	}{{fewConns, all.allowed}, {manyConns, all.many}} {
		at := fmt.Sprintf(", %d clients", s.clients)
		queue := fmt.Sprintf("the queue: %d requests are under way at any time.", s.clients)
		add("CPU per allowed request of 1 KiB"+at, report.Micros, s.from, cpu, &report.Aim{Value: 1.2, Of: relay}, kernelShare(s.from))
		add("allowed requests a second, one core"+at, report.PerSecond, s.from, rate, nil, "the core under test or, where the relay's figure is no higher, the other one, which asks and answers.")
		add("p50 at full load"+at, report.Micros, s.from, p50, nil, queue)
		add("p99 at full load"+at, report.Micros, s.from, p99, nil, queue)
	}
	at := fmt.Sprintf(", %d clients, %.0f requests a second", manyConns, report.Sample{Values: all.half[trellis].rate}.Median())
	const shared = "the load generator, which shares its core with the target, in so far as the relay's figure is no better."
	add("p50 at half load"+at, report.Micros, all.half, p50, nil, shared)
	add("p99 at half load"+at, report.Micros, all.half, p99, &report.Aim{Value: 1, Of: nginx}, shared)
	at = fmt.Sprintf(", %d clients", fewConns)
	add("CPU per denied request"+at, report.Micros, all.denied, cpu, &report.Aim{Value: 1, Of: nginx}, kernelShare(all.denied))
	add("denied requests a second, one core"+at, report.PerSecond, all.denied, rate, nil, "the core under test.")
	queue := fmt.Sprintf("the queue: %d requests are under way at any time.", fewConns)
	add("p50 of denied requests at full load"+at, report.Micros, all.denied, p50, nil, queue)
	add("p99 of denied requests at full load"+at, report.Micros, all.denied, p99, nil, queue)
	add("CPU per response of 1 MiB"+at, report.Micros, all.large, cpu, nil, kernelShare(all.large))
	add("bodies of 1 MiB, one core"+at, report.MiBASecond, all.large, rate, nil, "copying between socket buffers, twice through user space.")
	add("p50 of 1 MiB at full load"+at, report.Micros, all.large, p50, nil, queue)
	add("p99 of 1 MiB at full load"+at, report.Micros, all.large, p99, nil, queue)
	add("allocations per allowed request", report.Each, map[string]*outcome{trellis: all.many[trellis]}, func(o *outcome) []float64 { return o.allocations }, &report.Aim{Value: 0.05},
		"what is allocated at all, connections and the access log's file included; less than one in twenty requests counts as none.")
}

// kernelShare says where a request's time is spent.
func kernelShare(from map[string]*outcome) string {
	share := func(name string) string {
		o := from[name]
		cpu := report.Sample{Values: o.cpu}.Median()
		if cpu == 0 {
			return "too short to tell"
		}
		return fmt.Sprintf("%.0f %%", 100*(1-report.Sample{Values: o.user}.Median()/cpu))
	}
	return fmt.Sprintf("%s of it is spent in the kernel (relay: %s): receiving and sending, and the other end's share of loopback. "+
		"The rest is the head read, decided on and composed anew, its access record, and the runtime's scheduler.", share(trellis), share(relay))
}
