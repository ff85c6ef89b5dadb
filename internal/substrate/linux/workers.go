package linux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// errClosed is what a closed namespace answers.
var errClosed = errors.New("network namespace is closed")

// maxWorkers is how many things are done in namespaces at a time. It does not depend on how many namespaces there are: a
// process whose threads are at their limit ends.
const maxWorkers = 16

// workers are operating system threads that do things in namespaces. Between two of them a thread waits in an empty
// namespace of their own: in one of somebody it would keep that one alive, and to the host's it could, without privilege
// there, not come back. Threads are made when all are busy, and kept: a process that was started on one is signalled when it
// ends.
type workers struct {
	calls chan func()
	stop  chan struct{}

	mu      sync.Mutex // guards what follows
	threads int
	stopped bool
	home    *os.File

	ended sync.WaitGroup
}

func newWorkers() *workers {
	return &workers{calls: make(chan func()), stop: make(chan struct{})}
}

// do runs f on a thread, in the namespace of fd, and waits for it. Without a namespace f is to make one. It must not be
// called from there.
func (w *workers) do(fd *os.File, f func() error) error {
	done := make(chan error, 1)
	call := func() {
		if fd != nil {
			if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
				done <- fmt.Errorf("enter a network namespace: %w", err)
				return
			}
		}
		done <- f()
	}
	select {
	case w.calls <- call:
		return <-done
	default:
	}
	if err := w.grow(); err != nil {
		return err
	}
	select {
	case w.calls <- call:
		return <-done
	case <-w.stop:
		return errClosed
	}
}

// grow starts another thread, unless there are enough.
func (w *workers) grow() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return errClosed
	}
	if w.threads == maxWorkers {
		return nil
	}
	began := make(chan error)
	w.ended.Go(func() { w.begin(began) })
	if err := <-began; err != nil {
		return err
	}
	w.threads++
	return nil
}

// begin makes the calling goroutine's thread a worker. The caller of grow holds mu meanwhile.
func (w *workers) begin(began chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The process's first thread must stay where it is: what it entered is what
		// /proc/self shows. Hold it until another thread has the work.
		moved := make(chan struct{})
		w.ended.Go(func() {
			close(moved)
			w.begin(began)
		})
		<-moved
		runtime.UnlockOSThread()
		return
	}
	// Not unlocked: the runtime ends the thread with the goroutine.
	if err := w.goHome(); err != nil {
		began <- err
		return
	}
	home := int(w.home.Fd())
	began <- nil
	for {
		select {
		case f := <-w.calls:
			f()
			if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
				// It must not stay where it is.
				w.mu.Lock()
				w.threads--
				w.mu.Unlock()
				return
			}
		case <-w.stop:
			return
		}
	}
}

// goHome moves the thread to the workers' own namespace, which the first of them makes.
func (w *workers) goHome() error {
	if w.home != nil {
		return unix.Setns(int(w.home.Fd()), unix.CLONE_NEWNET)
	}
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	w.home, err = os.Open("/proc/thread-self/ns/net")
	return err
}

// end stops the threads once what they are doing is done.
func (w *workers) end() error {
	w.mu.Lock()
	stopped := w.stopped
	w.stopped = true
	w.mu.Unlock()
	if stopped {
		return nil
	}
	close(w.stop)
	w.ended.Wait()
	if w.home == nil {
		return nil
	}
	return w.home.Close()
}
