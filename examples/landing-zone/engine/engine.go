// Package engine runs a Pulumi program, in Go or in Python, and makes what it registers: the slice of Pulumi's engine that
// `up`, `refresh` and `destroy` of one stack need, behind the SDKs' own resource monitor protocol. It owns the stack's state
// file, which nothing else writes.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Properties are a resource's inputs or outputs as JSON values; an archive among inputs is an *Archive.
type Properties = map[string]any

// Made is what came of creating a resource. An ID beside an error says that the resource exists, unfinished.
type Made struct {
	ID      string
	Outputs Properties
}

// Existing is a resource that stands in the state.
type Existing struct {
	Type, Name, ID  string
	Inputs, Outputs Properties
}

// Change is what new inputs mean to a resource that exists.
type Change int

// The changes: none, in place, and by making the resource anew.
const (
	Same Change = iota
	Update
	Replace
)

// Provider makes the resources of one Pulumi package.
type Provider interface {
	Create(ctx context.Context, typ, name string, inputs Properties) (Made, error)
	// Read answers a resource as it is: the inputs that would make it and its outputs, or ErrGone. Of the inputs it is given it
	// takes those that cannot be seen; what is left out of them and as AWS makes it by default is not among those it answers.
	Read(ctx context.Context, r Existing) (inputs, outputs Properties, err error)
	// Compare judges inputs that differ.
	Compare(typ string, old, new Properties) Change
	Update(ctx context.Context, old Existing, inputs Properties) (outputs Properties, err error)
	// Delete succeeds where the resource is gone already.
	Delete(ctx context.Context, r Existing) error
	Invoke(ctx context.Context, token string, args Properties) (Properties, error)
}

// Op names what was done to a resource.
type Op string

// The operations an Event may report.
const (
	OpCreate  Op = "create"
	OpImport  Op = "import"
	OpUpdate  Op = "update"
	OpReplace Op = "replace"
	OpDelete  Op = "delete"
	OpSame    Op = "same"
	OpRead    Op = "read"
	OpDiffers Op = "differs"
	OpGone    Op = "gone"
)

// Event reports one resource's operation once it has ended.
type Event struct {
	Op         Op
	Type, Name string
	Took       time.Duration
	Err        error
}

// Stack is one program with its configuration, providers and state.
type Stack struct {
	Project, Name string
	// Root is the directory archives' paths are relative to: that of the project's Pulumi.yaml.
	Root      string
	Config    map[string]string
	Program   Program
	Providers map[string]Provider
	StateFile string
	// Progress, where there is one, is told of every resource, by one goroutine at a time; Log of every message.
	Progress func(Event)
	Log      func(string)
}

// Up makes the world as the program says and answers what it exports. After a failure it goes on where it stopped,
// and where nothing changed it does nothing.
func (s Stack) Up(ctx context.Context) (Properties, error) {
	st, err := openState(s.StateFile)
	if err != nil {
		return nil, err
	}
	defer st.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newMonitor(ctx, s, st)
	address, stop, err := m.serve()
	if err != nil {
		return nil, err
	}
	err = s.Program(ctx, pulumi.RunInfo{
		Project:       s.Project,
		Stack:         s.Name,
		RootDirectory: s.Root,
		Config:        s.Config,
		MonitorAddr:   address,
		EngineAddr:    address,
	}, m.log)
	stop()
	if failed := m.failures(); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", s.Project, err)
	}
	w := worker{s, st}
	if err := w.deleteAll(ctx, st.without(m.registered())); err != nil {
		return nil, err
	}
	return m.exports(), st.setExports(m.exports())
}

// Destroy deletes everything in the state, dependents first. What fails stays in the state, with all it depends on.
func (s Stack) Destroy(ctx context.Context) error {
	st, err := openState(s.StateFile)
	if err != nil {
		return err
	}
	defer st.close()
	w := worker{s, st}
	if err := w.deleteAll(ctx, st.without(nil)); err != nil {
		return err
	}
	return st.setExports(nil)
}

// worker does one resource's operations and records them.
type worker struct {
	Stack
	state *state
}

func (w worker) provider(typ string) (Provider, error) {
	pkg := packageOf(typ)
	if p, ok := w.Providers[pkg]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("no provider for package %q of %s", pkg, typ)
}

// wish is a resource as a program wants it.
type wish struct {
	record
	// aliases are URNs it may have had before, imported the id of what it is to take over.
	aliases  []string
	imported string
}

// settle brings one resource to its inputs and answers it as it is then. others are the URNs this run has met.
func (w worker) settle(ctx context.Context, want wish, others map[string]bool) (record, error) {
	start := time.Now()
	op, got, err := w.apply(ctx, want, others)
	w.report(Event{Op: op, Type: want.Type, Name: want.Name, Took: time.Since(start), Err: err})
	if err != nil {
		return record{}, fmt.Errorf("%s %s %s: %w", op, want.Type, want.Name, err)
	}
	return got, nil
}

func (w worker) apply(ctx context.Context, wished wish, others map[string]bool) (Op, record, error) {
	want := wished.record
	p, err := w.provider(want.Type)
	if err != nil {
		return OpCreate, record{}, err
	}
	old, exists := w.state.get(want.URN)
	for _, alias := range wished.aliases {
		if exists {
			break
		}
		if old, exists, err = w.state.rename(alias, want.URN); err != nil {
			return OpSame, record{}, err
		}
	}
	switch {
	case !exists && wished.imported != "":
		got, err := w.adopt(ctx, p, want, wished.imported)
		return OpImport, got, err
	case !exists:
		got, err := w.create(ctx, p, want)
		return OpCreate, got, err
	}
	change := Replace
	if !old.Unfinished {
		if change = Same; !equal(old.Inputs, want.Inputs) {
			change = p.Compare(want.Type, old.Inputs, want.Inputs)
		}
	}
	want.ID, want.Outputs = old.ID, old.Outputs
	switch change {
	case Same:
		if !equalRecords(old, want) {
			err = w.state.put(want)
		}
		return OpSame, want, err
	case Update:
		if want.Outputs, err = p.Update(ctx, old.existing(), want.Inputs); err != nil {
			return OpUpdate, record{}, err
		}
		return OpUpdate, want, w.state.put(want)
	}
	if err := w.deleteAll(ctx, w.state.withDependents(want.URN, others)); err != nil {
		return OpReplace, record{}, err
	}
	want.ID, want.Outputs = "", nil
	got, err := w.create(ctx, p, want)
	return OpReplace, got, err
}

// adopt takes over a resource that exists, if it is what the program says.
func (w worker) adopt(ctx context.Context, p Provider, want record, id string) (record, error) {
	want.ID = id
	have, outputs, err := p.Read(ctx, want.existing())
	if err != nil {
		return record{}, err
	}
	if names := differing(want.Inputs, have); len(names) > 0 {
		return record{}, fmt.Errorf("%s is not as the program says: its %s differs", id, names[0])
	}
	want.Outputs = outputs
	return want, w.state.put(want)
}

// create records the resource before it asks for it, so that a run that is killed leaves word of what may exist.
func (w worker) create(ctx context.Context, p Provider, want record) (record, error) {
	want.Unfinished = true
	if err := w.state.put(want); err != nil {
		return record{}, err
	}
	made, err := p.Create(ctx, want.Type, want.Name, want.Inputs)
	want.ID, want.Outputs, want.Unfinished = made.ID, made.Outputs, err != nil
	switch {
	case made.ID != "":
		err = errors.Join(err, w.state.put(want))
	case err != nil:
		err = errors.Join(err, w.state.remove(want.URN))
	default:
		err = errors.New("the provider answered no id")
	}
	return want, err
}

// deleteAll deletes the resources, each as soon as all that depends on it is gone.
func (w worker) deleteAll(ctx context.Context, doomed map[string]record) error {
	type result struct {
		urn string
		err error
	}
	waiting := map[string]int{}
	for urn := range doomed {
		waiting[urn] = 0
	}
	for _, r := range doomed {
		for _, on := range r.needs() {
			if _, ok := waiting[on]; ok {
				waiting[on]++
			}
		}
	}
	results := make(chan result)
	running := 0
	start := func(urn string) {
		running++
		delete(waiting, urn)
		go func() { results <- result{urn, w.delete(ctx, doomed[urn])} }()
	}
	for urn, dependents := range waiting {
		if dependents == 0 {
			start(urn)
		}
	}
	var errs []error
	for running > 0 {
		done := <-results
		running--
		if done.err != nil {
			errs = append(errs, done.err)
			continue
		}
		for _, on := range doomed[done.urn].needs() {
			if _, ok := waiting[on]; !ok {
				continue
			}
			if waiting[on]--; waiting[on] == 0 {
				start(on)
			}
		}
	}
	return errors.Join(errs...)
}

func (w worker) delete(ctx context.Context, r record) error {
	if r.ID == "" {
		w.log(fmt.Sprintf("%s %s: an earlier run was stopped while it was being created; it may exist", r.Type, r.Name))
		return w.state.remove(r.URN)
	}
	start := time.Now()
	p, err := w.provider(r.Type)
	if err == nil {
		err = p.Delete(ctx, r.existing())
	}
	w.report(Event{Op: OpDelete, Type: r.Type, Name: r.Name, Took: time.Since(start), Err: err})
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", r.Type, r.Name, err)
	}
	return w.state.remove(r.URN)
}

func (w worker) report(e Event) {
	if w.Progress == nil {
		return
	}
	w.state.reporting.Lock()
	defer w.state.reporting.Unlock()
	w.Progress(e)
}

func (w worker) log(message string) {
	if w.Log == nil {
		return
	}
	w.state.reporting.Lock()
	defer w.state.reporting.Unlock()
	w.Log(message)
}
