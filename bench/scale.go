package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"

	"trellis/bench/load"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/stand"
)

// estate is what is stored while the figures are measured again. It is spread over accounts and regions, within the quotas
// of each: five VPCs, and service networks of twenty services.
type estate struct{ places, vpcs, services int }

func (e estate) String() string {
	return fmt.Sprintf("%d VPCs, %d services, %d associations of services and %d of VPCs", e.places*e.vpcs, e.places*e.services, e.places*e.services, e.places*e.vpcs)
}

// scales measures again with much stored.
func (b *bench) scales(ctx context.Context) error {
	e := estate{places: 100, vpcs: 5, services: 20}
	if b.quick {
		e = estate{places: 4, vpcs: 5, services: 20}
	}
	dir := filepath.Join(b.dir, "scale")
	s, err := stand.Start(ctx, b.trellis, dir, process.Any)
	if err != nil {
		return err
	}
	running := true
	defer func() {
		if running {
			b.say("  %v", s.Stop())
		}
	}()
	if s.Plane != "" {
		return fmt.Errorf("no packet moves here: %s", s.Plane)
	}
	const group = "Much stored"
	add := func(name string, unit report.Unit, value float64, limit string) {
		b.add(report.Figure{Group: group, Name: name, Unit: unit, Limit: limit, Ours: report.Sample{Subject: trellis, Values: []float64{value}}})
	}
	begin := time.Now()
	var keeper *stand.Account
	var t *site
	measuring := time.Duration(0)
	limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	// The cost of one change on the way there: it should not follow what is stored.
	for from, part := 0, steps(e.places); len(part) > 0; from, part = part[0], part[1:] {
		there, err := b.fill(limited, s, e, from, part[0])
		if err != nil {
			return fmt.Errorf("storing %s: %w", e, err)
		}
		pause := time.Now()
		if keeper == nil {
			keeper = there
			if t, err = b.site(ctx, s); err != nil {
				return err
			}
		}
		held := e
		held.places = part[0]
		costs, err := b.costs(ctx, t)
		if err != nil {
			return err
		}
		for _, c := range t.changes() {
			b.add(report.Figure{Group: group, Name: fmt.Sprintf("CPU of one change with %d VPCs and %d services: %s", held.places*held.vpcs, held.places*held.services, c.name), Unit: report.Millis,
				Ours: report.Sample{Subject: trellis, Values: costs[c.name]}, Limit: changeLimit})
		}
		measuring += time.Since(pause)
	}
	add(e.String()+": made and applied", report.Seconds, (time.Since(begin) - measuring).Seconds(), fmt.Sprintf("%d calls by %d callers, each of which waits for its write.", e.places*(1+3*e.vpcs+3*e.services), apiClients))
	memory, err := s.Memory()
	if err != nil {
		return err
	}
	add("memory once it is applied", report.MiB, mebibytes(memory.Resident), held(memory))
	f, err := b.follow(ctx, s)
	if err != nil {
		return err
	}
	b.tellFollowed(group, f, b.followed, "little stored")
	if err := b.callsAtScale(ctx, group, s, keeper); err != nil {
		return err
	}
	running = false
	if err := s.Stop(); err != nil {
		return err
	}
	took, memory, err := b.firstAnswer(ctx, dir, keeper)
	if err != nil {
		return err
	}
	add("first signed call answered after start", report.Millis, millis(took), "as with services stored; every namespace, link and rule is made meanwhile.")
	add("memory a second after the first answer", report.MiB, mebibytes(memory.Resident), held(memory))
	program, err := b.loaded(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	up, down, err := b.demo(ctx, program, 1)
	if err != nil {
		return err
	}
	add("landing zone up", report.Seconds, up[0], "what every change costs with much stored.")
	add("landing zone down", report.Seconds, down[0], "what every change costs with much stored.")
	return nil
}

// steps is a tenth, four tenths and the whole of n places.
func steps(n int) []int { return []int{max(1, n/10), max(2, 4*n/10), n} }

// fill makes some places of the estate, and answers the account of the first of them.
func (b *bench) fill(ctx context.Context, s *stand.Server, e estate, from, to int) (*stand.Account, error) {
	const regions = 10
	places := make(chan *stand.Account)
	var mu sync.Mutex
	var failed error
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range apiClients {
		running.Go(func() {
			for a := range places {
				if err := furnish(ctx, a, e); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	var first *stand.Account
	err := func() error {
		defer close(places)
		var a *stand.Account
		for i := from; i < to; i++ {
			if a == nil || i%regions == 0 {
				var err error
				if a, err = s.Account(ctx, fmt.Sprintf("estate-%d", i/regions)); err != nil {
					return err
				}
			}
			there := a.In(fmt.Sprintf("us-west-%d", 1+i%regions))
			if first == nil {
				first = there
			}
			select {
			case places <- there:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}()
	running.Wait()
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return first, s.Settle(ctx)
}

// furnish makes what one account has in one region.
func furnish(ctx context.Context, a *stand.Account, e estate) error {
	network, err := a.Lattice.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: aws.String("estate")})
	if err != nil {
		return err
	}
	for range e.vpcs {
		id, _, err := vpc(ctx, a)
		if err != nil {
			return err
		}
		if _, err := settled(ctx, a.Lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: network.Id, VpcIdentifier: &id}); err != nil {
			return err
		}
	}
	for i := range e.services {
		if _, err := service(ctx, a, fmt.Sprintf("service-%d", i), *network.Id, types.AuthTypeNone); err != nil {
			return err
		}
	}
	return nil
}

// callsAtScale measures a call as the part api does, but with both cores.
func (b *bench) callsAtScale(ctx context.Context, group string, s *stand.Server, a *stand.Account) error {
	l, err := b.loader()
	if err != nil {
		return err
	}
	networks, err := a.Lattice.ListServiceNetworks(ctx, &vpclattice.ListServiceNetworksInput{})
	if err != nil {
		return err
	}
	if len(networks.Items) == 0 {
		return errors.New("the estate has no service network")
	}
	requests, err := a.Sign(ctx, stand.GetServiceNetwork(*networks.Items[0].Id))
	if err != nil {
		return err
	}
	rounds, long := b.runs()
	o := &outcome{}
	for range rounds {
		if err := b.ask(l, s.Process, load.Job{Addr: s.Addr, Requests: requests, Conns: apiClients, Status: 200, Count: 1 << 20, Time: long}, o, false); err != nil {
			return err
		}
	}
	b.add(report.Figure{Group: group, Name: "CPU per signed GetServiceNetwork", Unit: report.Micros, Ours: report.Sample{Subject: trellis, Values: o.cpu}, Limit: "a snapshot is read by key, so it is what it is with little stored but for the second core that the server has here, and memory that caches hold less of."})
	b.add(report.Figure{Group: group, Name: fmt.Sprintf("GetServiceNetwork p99 at %d clients", apiClients), Unit: report.Micros, Ours: report.Sample{Subject: trellis, Values: o.p99}, Limit: "the queue of the clients, who ask again at once, and share both cores with the server."})
	return nil
}
