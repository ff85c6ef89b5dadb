package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrGone is what reading a resource that does not exist comes to.
var ErrGone = errors.New("it does not exist")

// Refresh reads every resource of the state and makes the state what was read, so that the next Up brings back what has
// changed behind its back and makes again what is gone. It reports each resource as read, different or gone.
func (s Stack) Refresh(ctx context.Context) error {
	st, err := openState(s.StateFile)
	if err != nil {
		return err
	}
	defer st.close()
	w := worker{s, st}
	var reading sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, r := range st.without(nil) {
		// What is unfinished is made anew however it looks.
		if r.Unfinished {
			continue
		}
		reading.Go(func() {
			start := time.Now()
			op, err := w.refresh(ctx, r)
			w.report(Event{Op: op, Type: r.Type, Name: r.Name, Took: time.Since(start), Err: err})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("read %s %s: %w", r.Type, r.Name, err))
			}
		})
	}
	reading.Wait()
	return errors.Join(errs...)
}

func (w worker) refresh(ctx context.Context, r record) (Op, error) {
	p, err := w.provider(r.Type)
	if err != nil {
		return OpRead, err
	}
	inputs, outputs, err := p.Read(ctx, r.existing())
	if errors.Is(err, ErrGone) {
		w.log(fmt.Sprintf("%s %s: %s is gone", r.Type, r.Name, r.ID))
		return OpGone, w.state.remove(r.URN)
	}
	if err != nil {
		return OpRead, err
	}
	op := OpRead
	for _, of := range []struct {
		what           string
		recorded, read Properties
	}{{"input", r.Inputs, inputs}, {"output", r.Outputs, outputs}} {
		for _, name := range differing(of.recorded, of.read) {
			w.log(fmt.Sprintf("%s %s: %s %s is %s, and was %s", r.Type, r.Name, of.what, name, shown(of.read, name), shown(of.recorded, name)))
			op = OpDiffers
		}
	}
	if op == OpRead {
		return op, nil
	}
	r.Inputs, r.Outputs = inputs, outputs
	return op, w.state.put(r)
}

// differing are the names of the properties that are not alike.
func differing(a, b Properties) []string {
	all := maps.Clone(b)
	if all == nil {
		all = Properties{}
	}
	maps.Copy(all, a)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		x, inA := a[name]
		y, inB := b[name]
		return inA == inB && alike(x, y)
	})
}
