package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"

	"trellis/bench/load"
	"trellis/bench/peer"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/stand"
)

const (
	apiClients = 16
	moto       = "moto"
)

// server starts a trellis server that ends with the part.
func (b *bench) server(ctx context.Context, name string, core int, flags ...string) (*stand.Server, error) {
	s, err := stand.Start(ctx, b.trellis, filepath.Join(b.dir, name), core, flags...)
	if err == nil {
		b.started = append(b.started, s.Process)
	}
	return s, err
}

// callee is a server of APIs with what the calls are about.
type callee struct {
	name          string
	process       *process.Process
	at            netip.AddrPort
	get, describe [][]byte
}

// prepare makes what is asked for, and signs the calls that ask.
func prepare(ctx context.Context, c callee, a *stand.Account) (callee, error) {
	n, err := a.Lattice.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: aws.String("bench")})
	if err != nil {
		return c, err
	}
	if _, err := a.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}); err != nil {
		return c, err
	}
	const signatures = 512
	if c.get, err = a.Sign(ctx, slices.Repeat([]stand.Call{stand.GetServiceNetwork(*n.Id)}, signatures)...); err != nil {
		return c, err
	}
	c.describe, err = a.Sign(ctx, slices.Repeat([]stand.Call{stand.DescribeVpcs()}, signatures)...)
	return c, err
}

func (b *bench) calls(ctx context.Context) error {
	l, err := b.loader()
	if err != nil {
		return err
	}
	s, err := b.server(ctx, "api", subjectCore)
	if err != nil {
		return err
	}
	a, err := s.Account(ctx, "bench")
	if err != nil {
		return err
	}
	ours, err := prepare(ctx, callee{name: trellis, process: s.Process, at: s.Addr}, a)
	if err != nil {
		return err
	}
	callees := []callee{ours}
	if c, err := b.moto(ctx); err != nil {
		b.absent(moto, err)
	} else {
		callees = append(callees, c)
	}
	for _, op := range []struct {
		name     string
		requests func(callee) [][]byte
		aim      *report.Aim
	}{
		{"GetServiceNetwork", func(c callee) [][]byte { return c.get }, &report.Aim{Value: 100}},
		{"DescribeVpcs", func(c callee) [][]byte { return c.describe }, nil},
	} {
		out := map[string]*outcome{}
		rounds, long := b.runs()
		for round := range rounds + 1 {
			for _, c := range callees {
				j := load.Job{Addr: c.at, Requests: op.requests(c), Conns: apiClients, Status: 200, Count: 1 << 20, Time: long}
				if round == 0 {
					j.Time = long / 4
				}
				if out[c.name] == nil {
					out[c.name] = &outcome{}
				}
				if err := b.ask(l, c.process, j, out[c.name], round == 0); err != nil {
					return fmt.Errorf("%s of %s: %w", op.name, c.name, err)
				}
			}
		}
		figure := func(name string, unit report.Unit, get func(*outcome) []float64, aim *report.Aim, limit string) {
			f := report.Figure{Group: "API", Name: name, Unit: unit, Aim: aim, Limit: limit, Ours: report.Sample{Subject: trellis, Values: get(out[trellis])}}
			if o := out[moto]; o != nil {
				f.Beside = []report.Sample{{Subject: moto, Values: get(o)}}
			}
			b.add(f)
		}
		figure("CPU per signed "+op.name, report.Micros, func(o *outcome) []float64 { return o.cpu }, op.aim,
			fmt.Sprintf("%.0f %% of it is spent in the kernel; the rest is net/http, the signature, the policy and the answer.", 100-100*report.Sample{Values: out[trellis].user}.Median()/report.Sample{Values: out[trellis].cpu}.Median()))
		figure(op.name+" calls a second, one core", report.PerSecond, func(o *outcome) []float64 { return o.rate }, nil, "the core under test.")
		figure(fmt.Sprintf("%s p99 at %d clients", op.name, apiClients), report.Micros, func(o *outcome) []float64 { return o.p99 }, nil, "the queue of the clients, who ask again at once.")
	}
	return nil
}

// moto starts moto, and makes the same there.
func (b *bench) moto(ctx context.Context) (callee, error) {
	at, p, err := b.proxyPeer(ctx, moto, b.peers.Moto, func(found peer.Binary, dir string, at netip.AddrPort) (*process.Process, error) {
		return peer.StartMoto(found, dir, subjectCore, at)
	})
	if err != nil {
		return callee{}, err
	}
	return prepare(ctx, callee{name: moto, process: p, at: at}, stand.NewAccount("http://"+at.String(), stand.Region, "123456789012", "AKIAIOSFODNN7EXAMPLE", "secret"))
}

// ask is one run against a server of APIs.
func (b *bench) ask(l *loader, p *process.Process, j load.Job, o *outcome, discard bool) error {
	before, err := p.Usage()
	if err != nil {
		return err
	}
	r, err := l.do(j)
	if err != nil {
		return err
	}
	used, err := p.Usage()
	if err != nil || discard {
		return err
	}
	used = used.Sub(before)
	n := float64(r.Answered)
	o.cpu = append(o.cpu, micros(used.CPU())/n)
	o.user = append(o.user, micros(used.User)/n)
	o.rate = append(o.rate, n/r.Elapsed.Seconds())
	o.p50 = append(o.p50, micros(r.P50))
	o.p99 = append(o.p99, micros(r.P99))
	return nil
}

// writes measures durable writes beside those of the database itself.
func (b *bench) writes(ctx context.Context) error {
	l, err := b.loader()
	if err != nil {
		return err
	}
	s, err := b.server(ctx, "writes", process.Any)
	if err != nil {
		return err
	}
	a, err := s.Account(ctx, "bench")
	if err != nil {
		return err
	}
	requests, err := b.updates(ctx, a)
	if err != nil {
		return err
	}
	var ready struct{}
	dir, err := b.folder("etcd")
	if err != nil {
		return err
	}
	raw, err := b.actor(&ready, process.Any, "etcd", dir)
	if err != nil {
		return err
	}
	rounds, long := b.runs()
	for _, clients := range []int{1, apiClients} {
		ours, theirs := &outcome{}, &outcome{}
		for round := range rounds + 1 {
			if err := b.ask(l, s.Process, load.Job{Addr: s.Addr, Requests: requests, Conns: clients, Status: 200, Count: 1 << 20, Time: long}, ours, round == 0); err != nil {
				return fmt.Errorf("UpdateServiceNetwork: %w", err)
			}
			if err := raw.say.Encode(puts{Clients: clients, Time: long}); err != nil {
				return err
			}
			var done putsDone
			if err := raw.listen(&done); err != nil {
				return err
			}
			if round > 0 {
				theirs.rate = append(theirs.rate, done.Rate)
				theirs.p99 = append(theirs.p99, millis(done.P99))
			}
		}
		name := "at one client"
		if clients > 1 {
			name = fmt.Sprintf("at %d clients", clients)
		}
		add := func(figure string, unit report.Unit, ours, theirs []float64, limit string) {
			b.add(report.Figure{Group: "API", Name: figure + " " + name, Unit: unit, Limit: limit, Ours: report.Sample{Subject: trellis, Values: ours}, Beside: []report.Sample{{Subject: "etcd", Values: theirs}}})
		}
		for i := range ours.p99 {
			ours.p99[i] /= 1000
		}
		add("durable writes a second", report.PerSecond, ours.rate, theirs.rate, "a call is answered when etcd has synced its log and the view has the write; meanwhile the host applies each change. Clients and server share both cores.")
		add("p99 of a durable write", report.Millis, ours.p99, theirs.p99, "the disk's fsync, as for etcd alone.")
	}
	return nil
}

// updates makes service networks and the calls that change them by turns.
func (b *bench) updates(ctx context.Context, a *stand.Account) ([][]byte, error) {
	var ids []string
	for i := range 3 * apiClients {
		n, err := a.Lattice.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: aws.String(fmt.Sprintf("bench-%d", i))})
		if err != nil {
			return nil, err
		}
		ids = append(ids, *n.Id)
	}
	var calls []stand.Call
	for _, auth := range []string{"AWS_IAM", "NONE"} {
		for _, id := range ids {
			calls = append(calls, stand.UpdateServiceNetwork(id, auth))
		}
	}
	return a.Sign(ctx, calls...)
}

// puts asks the process of the database for transactions of one key each.
type puts struct {
	Clients int
	Time    time.Duration
}

type putsDone struct {
	Rate float64
	P99  time.Duration
}
