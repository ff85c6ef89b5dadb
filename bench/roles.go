package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"trellis/bench/load"
	"trellis/bench/probe"
	"trellis/bench/process"
	"trellis/bench/subject"
)

// roleArgument, as first argument, makes this program one of the processes that a run starts.
const roleArgument = "as"

func play(role string, args []string) error {
	target := func(text string) (netip.AddrPort, error) { return netip.ParseAddrPort(text) }
	switch {
	case role == "load" && len(args) == 0:
		return load.Serve(os.Stdin, os.Stdout)
	case role == "floor" && len(args) == 1:
		t, err := target(args[0])
		if err != nil {
			return err
		}
		return subject.Floor(os.Stdin, os.Stdout, t)
	case role == "gateway" && len(args) == 3:
		t, err := target(args[1])
		if err != nil {
			return err
		}
		return subject.Gateway(os.Stdin, os.Stdout, args[0], t, args[2] == "profile")
	case role == "probe" && len(args) == 2 && args[0] == "requests":
		return probe.Requests(os.Stdin, os.Stdout, args[1])
	case role == "probe" && len(args) == 2 && args[0] == "connections":
		return probe.Connections(os.Stdin, os.Stdout, args[1])
	case role == "etcd" && len(args) == 1:
		return database(context.Background(), args[0])
	}
	return fmt.Errorf("no role %s with %q", role, args)
}

// actor is a process of this program that talks JSON.
type actor struct {
	*process.Process
	say  *json.Encoder
	hear *json.Decoder
}

// actor starts a role, whose first words are put into hello.
func (b *bench) actor(hello any, core int, role string, args ...string) (*actor, error) {
	p, err := b.start(process.Program{Path: b.self, Args: append([]string{roleArgument, role}, args...), Core: core,
		Log: filepath.Join(b.dir, role+".log"), Talk: true})
	if err != nil {
		return nil, err
	}
	a := newActor(p)
	return a, a.listen(hello)
}

func newActor(p *process.Process) *actor {
	return &actor{p, json.NewEncoder(p.In), json.NewDecoder(p.Out)}
}

// listen reads what the actor says next.
func (a *actor) listen(to any) error {
	heard := make(chan error, 1)
	go func() { heard <- a.hear.Decode(to) }()
	select {
	case err := <-heard:
		if errors.Is(err, io.EOF) {
			err = errors.New("it ended")
		}
		if err != nil {
			return fmt.Errorf("a process of the bench: %w\n%s", err, a.Tail())
		}
		return nil
	case <-time.After(3 * time.Minute):
		return errors.New("a process of the bench said nothing for three minutes")
	}
}

// loader is the process that asks.
type loader struct {
	*actor
	target netip.AddrPort
}

func (b *bench) loader() (*loader, error) {
	var hello load.Hello
	a, err := b.actor(&hello, loadCore, "load")
	if err != nil {
		return nil, err
	}
	return &loader{a, hello.Target}, nil
}

// do runs a job, every answer of which must be as wanted.
func (l *loader) do(j load.Job) (load.Result, error) {
	if err := l.say.Encode(j); err != nil {
		return load.Result{}, err
	}
	var r load.Reply
	if err := l.listen(&r); err != nil {
		return load.Result{}, err
	}
	switch {
	case r.Error != "":
		return r.Result, errors.New(r.Error)
	case r.Result.Wrong > 0:
		return r.Result, fmt.Errorf("%d of %d answers were not as wanted, as %s", r.Result.Wrong, r.Result.Answered, r.Result.Example)
	case r.Result.Answered == 0:
		return r.Result, errors.New("nothing was answered in time")
	}
	return r.Result, nil
}
