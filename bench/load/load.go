// Package load is the other end of what is measured: clients that ask as fast as they are answered or at a fixed rate, and
// the target behind a proxy. One thread does both by epoll, so that one core can keep another one busy. A Loop owns its
// sockets and belongs to one goroutine.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Job is one run of requests against one address. Nothing more is sent after Count requests or after Time, whichever comes
// first, and the job ends with the last answer.
type Job struct {
	Addr netip.AddrPort
	// Requests are sent as they are, one after another and again from the first.
	Requests [][]byte
	Conns    int
	// Rate is requests a second, sent when they are due whether others were answered or not; 0 sends each connection's next
	// request as soon as it has its answer.
	Rate  float64
	Count int
	Time  time.Duration
	// Status is what every answer must have, and Body the length of its body unless that is 0.
	Status int
	Body   int64
	// Throttled is a status after which a request is sent again a little later, as SDKs do; 0 is none.
	Throttled int
}

// Result is what came of a Job.
type Result struct {
	Answered int
	// Wrong are the answers with another status or length, Example one of them.
	Wrong   int
	Example string
	Elapsed time.Duration
	// Times of answers, from when the request was sent or, with a rate, was due. Late requests count as having taken all of the
	// job's time.
	P50, P90, P99, Max time.Duration
	// Repeated counts requests that were sent again.
	Repeated int
	// Late are the requests of a job with a rate that were due and never sent.
	Late int
}

// maxAnswers bounds how many times one job keeps.
const maxAnswers = 4 << 20

// breath is the time between a throttled request and the next try.
const breath = 10 * time.Millisecond

// stall is how long a job waits for any answer at all.
const stall = 10 * time.Second

// Loop carries clients and targets.
type Loop struct {
	epoll  int
	socks  []sock // by file descriptor
	events []syscall.EpollEvent
	buf    []byte
	took   []time.Duration
	job    *run
}

// sock is something that can be ready.
type sock interface {
	ready(l *Loop, events uint32) error
}

// New returns a loop without sockets.
func New() (*Loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Loop{epoll: epoll, events: make([]syscall.EpollEvent, 256), buf: make([]byte, 256<<10)}, nil
}

func (l *Loop) add(fd int, s sock) error {
	for len(l.socks) <= fd {
		l.socks = append(l.socks, nil)
	}
	l.socks[fd] = s
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// wish says what a socket waits for.
func (l *Loop) wish(fd int, events uint32) error {
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *Loop) drop(fd int) {
	if fd < len(l.socks) {
		l.socks[fd] = nil
	}
	_ = syscall.Close(fd)
}

// turn handles what is ready, waiting at most so many milliseconds.
func (l *Loop) turn(wait int) error {
	n, err := syscall.EpollWait(l.epoll, l.events, wait)
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, e := range l.events[:n] {
		if s := l.socks[e.Fd]; s != nil {
			if err := s.ready(l, e.Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// Idle serves the targets for a while without a job.
func (l *Loop) Idle(wait time.Duration) error { return l.turn(int(wait.Milliseconds())) }

// Do runs a job to its end.
func (l *Loop) Do(j Job) (Result, error) {
	if len(j.Requests) == 0 || j.Conns <= 0 || j.Count <= 0 || j.Time <= 0 {
		return Result{}, errors.New("a job needs requests, connections, a count and a time")
	}
	j.Count = min(j.Count, maxAnswers)
	if cap(l.took) < j.Count {
		l.took = make([]time.Duration, 0, j.Count)
	}
	l.took = l.took[:0]
	r := &run{Job: j, loop: l}
	l.job = r
	defer func() {
		for _, c := range r.conns {
			if c.fd >= 0 {
				l.drop(c.fd)
			}
		}
		l.job = nil
	}()
	for range j.Conns {
		c := &client{run: r, fd: -1}
		if err := c.connect(); err != nil {
			return Result{}, err
		}
		r.conns = append(r.conns, c)
	}
	return r.do()
}

// run is a job under way.
type run struct {
	Job
	loop  *Loop
	conns []*client
	idle  []*client
	again []repeat // in the order of their times

	begin   time.Time
	sent    int
	waiting int
	last    time.Time // of the newest answer
	result  Result
}

// repeat is a request that is to be sent once more.
type repeat struct {
	client *client
	at     time.Time
}

// repeats sends again what was throttled, and tells whether more waits for it.
func (r *run) repeats(now time.Time) (bool, error) {
	for len(r.again) > 0 && !r.again[0].at.After(now) {
		c := r.again[0].client
		r.again = r.again[1:]
		if err := c.send(c.request, c.due); err != nil {
			return false, err
		}
	}
	return len(r.again) > 0, nil
}

func (r *run) do() (Result, error) {
	r.begin = time.Now()
	r.last = r.begin
	end := r.begin.Add(r.Time)
	if r.Rate > 0 {
		r.idle = slices.Clone(r.conns)
	} else {
		for _, c := range r.conns {
			if err := r.next(c); err != nil {
				return Result{}, err
			}
		}
	}
	for {
		now := time.Now()
		over := now.After(end) || r.sent >= r.Count
		if !over && r.Rate > 0 {
			if err := r.pace(now); err != nil {
				return Result{}, err
			}
		}
		if over && r.waiting == 0 {
			break
		}
		if now.Sub(r.last) > stall {
			return Result{}, fmt.Errorf("%s answered nothing for %s", r.Addr, stall)
		}
		if now.Sub(end) > stall {
			return Result{}, fmt.Errorf("%s has not answered %d requests after %s", r.Addr, r.waiting, stall)
		}
		more, err := r.repeats(now)
		if err != nil {
			return Result{}, err
		}
		wait := 50
		if more {
			wait = 1
		}
		if r.Rate > 0 && !over {
			wait = 0 // requests are due more often than the kernel's timeouts tell apart
		}
		if err := r.loop.turn(wait); err != nil {
			return Result{}, err
		}
	}
	r.result.Elapsed = r.last.Sub(r.begin)
	if r.Rate > 0 {
		due := min(int(min(time.Since(r.begin), r.Time).Seconds()*r.Rate), r.Count)
		r.result.Late = max(0, due-r.sent)
	}
	took := r.loop.took
	slices.Sort(took)
	if n := len(took); n > 0 {
		at := func(q float64) time.Duration {
			i := int(q * float64(n+r.result.Late))
			if i >= n && r.result.Late > 0 {
				return r.Time
			}
			return took[min(n-1, i)]
		}
		r.result.P50, r.result.P90, r.result.P99, r.result.Max = at(0.50), at(0.90), at(0.99), at(1)
	}
	return r.result, nil
}

// pace sends what is due.
func (r *run) pace(now time.Time) error {
	for len(r.idle) > 0 && r.sent < r.Count {
		due := r.begin.Add(time.Duration(float64(r.sent) / r.Rate * float64(time.Second)))
		if due.After(now) {
			return nil
		}
		c := r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
		if err := r.send(c, due); err != nil {
			return err
		}
	}
	return nil
}

// next gives a connection that has its answer something to do.
func (r *run) next(c *client) error {
	if r.Rate > 0 {
		r.idle = append(r.idle, c)
		return nil
	}
	now := time.Now()
	if r.sent >= r.Count || now.Sub(r.begin) > r.Time {
		return nil
	}
	return r.send(c, now)
}

func (r *run) send(c *client, due time.Time) error {
	q := r.Requests[r.sent%len(r.Requests)]
	r.sent++
	r.waiting++
	return c.send(q, due)
}

// answered takes a complete answer.
func (r *run) answered(c *client, now time.Time) error {
	r.last = now
	if c.status == r.Throttled && !c.closing {
		r.result.Repeated++
		r.again = append(r.again, repeat{c, now.Add(breath)})
		return nil
	}
	r.waiting--
	r.result.Answered++
	r.loop.took = append(r.loop.took, now.Sub(c.due))
	if c.status != r.Status || r.Body != 0 && c.length != r.Body {
		r.result.Wrong++
		if r.result.Example == "" {
			r.result.Example = fmt.Sprintf("status %d with %d bytes: %.200s", c.status, c.length, c.head[:min(len(c.head), 200)])
		}
	}
	if c.closing {
		r.loop.drop(c.fd)
		c.fd = -1
		if err := c.connect(); err != nil {
			return err
		}
	}
	return r.next(c)
}
