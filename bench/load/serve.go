package load

import (
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"time"
)

// Reply is what a load process says to each Job.
type Reply struct {
	Result Result
	Error  string
}

// Hello is the first thing a load process says.
type Hello struct{ Target netip.AddrPort }

// Serve does the jobs that come in as JSON until there are no more, and writes a Reply to each after a Hello.
func Serve(in io.Reader, out io.Writer) error {
	l, err := New()
	if err != nil {
		return err
	}
	target, err := l.Target()
	if err != nil {
		return err
	}
	say := json.NewEncoder(out)
	if err := say.Encode(Hello{target}); err != nil {
		return err
	}
	type next struct {
		job Job
		err error
	}
	jobs := make(chan next)
	go func() {
		read := json.NewDecoder(in)
		for {
			var n next
			n.err = read.Decode(&n.job)
			jobs <- n
			if n.err != nil {
				return
			}
		}
	}()
	for {
		select {
		case n := <-jobs:
			if n.err != nil {
				if errors.Is(n.err, io.EOF) {
					return nil
				}
				return n.err
			}
			var r Reply
			r.Result, err = l.Do(n.job)
			if err != nil {
				r.Error = err.Error()
			}
			if err := say.Encode(r); err != nil {
				return err
			}
		default:
			if err := l.Idle(20 * time.Millisecond); err != nil {
				return err
			}
		}
	}
}
