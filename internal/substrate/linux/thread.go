package linux

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// errClosed is what a closed namespace answers.
var errClosed = errors.New("network namespace is closed")

// thread is one operating system thread that runs what it is given, in order, and
// ends when it is stopped. It serves a single namespace: a thread that moved into
// one can, without privilege, not come back.
type thread struct {
	calls chan func()
	stop  chan struct{}
	ended chan struct{}
}

func startThread() *thread {
	t := &thread{calls: make(chan func()), stop: make(chan struct{}), ended: make(chan struct{})}
	go t.run()
	return t
}

func (t *thread) run() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The process's first thread must stay where it is: what it entered is what
		// /proc/self shows. Hold it until another thread has the work.
		moved := make(chan struct{})
		go func() {
			close(moved)
			t.run()
		}()
		<-moved
		runtime.UnlockOSThread()
		return
	}
	// Not unlocked: the runtime ends the thread with the goroutine.
	defer close(t.ended)
	for {
		select {
		case f := <-t.calls:
			f()
		case <-t.stop:
			return
		}
	}
}

// do runs f on the thread and waits for it. It must not be called from there.
func (t *thread) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case t.calls <- func() { done <- f() }:
		return <-done
	case <-t.ended:
		return errClosed
	}
}

// end stops the thread once what it is doing is done.
func (t *thread) end() {
	close(t.stop)
	<-t.ended
}
