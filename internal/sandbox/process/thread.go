//go:build linux

package process

import (
	"errors"
	"runtime"
	"sync"
)

var errClosed = errors.New("the namespace is closed")

// thread is an OS thread of its own that entered namespaces and runs functions there, one after another. It never serves
// other goroutines and ends with the goroutine that is locked to it.
type thread struct {
	jobs   chan func()
	ended  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// startThread returns a thread after enter ran on it.
func startThread(enter func() error) (*thread, error) {
	t := &thread{jobs: make(chan func()), ended: make(chan struct{}), closed: make(chan struct{})}
	entered := make(chan error)
	go func() {
		// Not unlocked: the thread is not one that other goroutines could use, so it dies with this one.
		runtime.LockOSThread()
		defer close(t.ended)
		err := enter()
		entered <- err
		if err != nil {
			return
		}
		for {
			select {
			case f := <-t.jobs:
				f()
			case <-t.closed:
				return
			}
		}
	}()
	return t, <-entered
}

// Do runs f on the thread.
func (t *thread) Do(f func() error) error {
	done := make(chan error, 1)
	select {
	case t.jobs <- func() { done <- f() }:
		return <-done
	case <-t.closed:
		return errClosed
	}
}

// Close ends the thread after what it runs now.
func (t *thread) Close() error {
	t.once.Do(func() { close(t.closed) })
	<-t.ended
	return nil
}
