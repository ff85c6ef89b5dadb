package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"trellis/bench/load"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/stand"
)

// starts measures how soon a server answers, new and with what it has stored, and what it holds when nothing happens.
func (b *bench) starts(ctx context.Context) error {
	rounds, _ := b.runs()
	stored := 10_000
	if b.quick {
		stored = 500
	}
	dir := filepath.Join(b.dir, "stored")
	keys, err := b.store(ctx, dir, stored)
	if err != nil {
		return err
	}
	var fresh, again, full, idle, much []float64
	var bare [2][]float64 // starts of the database alone, the first and the second
	var small, large process.Memory
	for i := range rounds {
		empty := filepath.Join(b.dir, fmt.Sprintf("start-%d", i))
		t, a, err := b.firstStart(ctx, empty)
		if err != nil {
			return err
		}
		fresh = append(fresh, millis(t))
		for _, next := range []struct {
			dir        string
			account    *stand.Account
			took, then *[]float64
			memory     *process.Memory
		}{{empty, a, &again, &idle, &small}, {dir, keys, &full, &much, &large}} {
			t, memory, err := b.firstAnswer(ctx, next.dir, next.account)
			if err != nil {
				return err
			}
			*next.took, *next.then, *next.memory = append(*next.took, millis(t)), append(*next.then, mebibytes(memory.Resident)), memory
		}
		for i := range bare {
			t, err := b.bareStart(filepath.Join(empty, "etcd"))
			if err != nil {
				return err
			}
			bare[i] = append(bare[i], millis(t))
		}
		if err := os.RemoveAll(empty); err != nil {
			return err
		}
	}
	add := func(name string, unit report.Unit, values, etcd []float64, aim *report.Aim, limit string) {
		f := report.Figure{Group: "Start", Name: name, Unit: unit, Ours: report.Sample{Subject: trellis, Values: values}, Aim: aim, Limit: limit}
		f.Beside = []report.Sample{{Subject: "etcd", Values: etcd}}
		b.add(f)
	}
	const alone = "the database's own start, which the figure beside it shows: a process that embeds etcd as Trellis does and does nothing else."
	add("ready after the very first start", report.Millis, fresh, bare[0], nil, alone)
	add("first signed call answered after start", report.Millis, again, bare[1], &report.Aim{Value: 100}, alone)
	add(fmt.Sprintf("first signed call answered with %d services stored", stored), report.Millis, full, nil, nil, "the database reads its log and its index, and every row is read and decoded, before the first answer.")
	add("memory when idle", report.MiB, idle, nil, &report.Aim{Value: 80}, held(small))
	add(fmt.Sprintf("memory when idle with %d services stored", stored), report.MiB, much, nil, nil, held(large))
	return nil
}

// held says what memory is.
func held(m process.Memory) string {
	return fmt.Sprintf("%.0f MiB of it are pages of files, the program and the database; the rest is mostly the Go heap.", mebibytes(m.Files))
}

// bareStart tells how long the database alone takes to be ready.
func (b *bench) bareStart(dir string) (time.Duration, error) {
	begin := time.Now()
	a, err := b.actor(&struct{}{}, process.Any, "etcd", dir)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	b.started = b.started[:len(b.started)-1]
	return took, a.Stop()
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// store makes a data directory with so many services in it.
func (b *bench) store(ctx context.Context, dir string, n int) (*stand.Account, error) {
	l, err := b.loader()
	if err != nil {
		return nil, err
	}
	s, err := stand.Start(ctx, b.trellis, dir, process.Any)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	a, err := s.Account(ctx, "bench")
	if err != nil {
		return nil, err
	}
	const each = 1000 // of the 2,000 that a region may have
	for from := 0; from < n; from += each {
		there := a.In(fmt.Sprintf("us-west-%d", 10+from/each))
		var calls []stand.Call
		for i := range min(each, n-from) {
			calls = append(calls, stand.CreateService(fmt.Sprintf("service-%d", from+i)))
		}
		requests, err := there.Sign(ctx, calls...)
		if err != nil {
			return nil, err
		}
		r, err := l.do(load.Job{Addr: s.Addr, Requests: requests, Conns: apiClients, Count: len(requests), Time: time.Minute, Status: 201})
		if err != nil {
			return nil, fmt.Errorf("CreateService: %w", err)
		}
		if r.Answered < len(requests) {
			return nil, fmt.Errorf("only %d of %d services were made in a minute", r.Answered, len(requests))
		}
	}
	return a, err
}

// firstStart starts a server that has no data, tells how long it took to be ready, makes an account and ends it.
func (b *bench) firstStart(ctx context.Context, dir string) (took time.Duration, a *stand.Account, err error) {
	begin := time.Now()
	s, err := stand.Start(ctx, b.trellis, dir, process.Any)
	if err != nil {
		return 0, nil, err
	}
	took = time.Since(begin)
	defer func() { err = errors.Join(err, s.Stop()) }()
	a, err = s.Account(ctx, "bench")
	return took, a, err
}

// firstAnswer starts a server, tells how long its first answer took, waits a little, tells what memory it holds, and ends it.
func (b *bench) firstAnswer(ctx context.Context, dir string, a *stand.Account) (took time.Duration, memory process.Memory, err error) {
	at, err := freePort()
	if err != nil {
		return 0, memory, err
	}
	a = a.At("http://" + at.String())
	requests, err := a.Sign(ctx, stand.Call{Service: "vpc-lattice", Method: "GET", Path: "/servicenetworks"})
	if err != nil {
		return 0, memory, err
	}
	begin := time.Now()
	s, err := stand.Launch(b.trellis, dir, process.Any, "--listen", at.String())
	if err != nil {
		return 0, memory, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	for {
		if ctx.Err() != nil {
			return 0, memory, ctx.Err()
		}
		status, err := exchange(at, requests[0])
		if err == nil && status == http.StatusOK {
			break
		}
		if time.Since(begin) > time.Minute {
			return 0, memory, errors.Join(fmt.Errorf("the server answered %d after a minute\n%s", status, s.Tail()), err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	took = time.Since(begin)
	if err := s.Await(ctx); err != nil {
		return 0, memory, err
	}
	time.Sleep(time.Second)
	memory, err = s.Memory()
	return took, memory, err
}

// exchange sends one request on a connection of its own.
func exchange(at netip.AddrPort, request []byte) (int, error) {
	c, err := net.DialTimeout("tcp", at.String(), time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, errors.Join(err, r.Body.Close())
}
