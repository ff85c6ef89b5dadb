// Package probe is the program that the bench runs inside a VPC. It asks without pause and says when the answer changed. It
// ends with its standard input, and by itself after a while.
package probe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Seen is an answer that differs from the one before.
type Seen struct {
	// At is when what was answered so was begun, in nanoseconds since 1970.
	At int64
	// Status of a request; of a connection 1 when it was made, 0 when it was not.
	Status int
}

const (
	lifetime = 20 * time.Minute
	between  = 200 * time.Microsecond
	// A packet on this machine that is not dropped is answered long before.
	patience = 40 * time.Millisecond
)

// watch says what changes, and ends with the input.
type watch struct {
	say  *json.Encoder
	end  <-chan struct{}
	last int
}

func newWatch(in io.Reader, out io.Writer) *watch {
	end := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in)
		close(end)
	}()
	return &watch{json.NewEncoder(out), end, -1}
}

func (w *watch) note(begun time.Time, status int) error {
	if status == w.last {
		return nil
	}
	w.last = status
	return w.say.Encode(Seen{begun.UnixNano(), status})
}

func (w *watch) ended() bool {
	select {
	case <-w.end:
		return true
	default:
		return false
	}
}

// Requests asks a host for a path on one connection, again and again.
func Requests(in io.Reader, out io.Writer, host string) error {
	w := newWatch(in, out)
	begin := time.Now()
	c, err := net.DialTimeout("tcp", net.JoinHostPort(host, "80"), 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	read := bufio.NewReader(c)
	request := []byte("GET /?q=blue HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	for time.Since(begin) < lifetime && !w.ended() {
		at := time.Now()
		if err := c.SetDeadline(at.Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := c.Write(request); err != nil {
			return err
		}
		r, err := http.ReadResponse(read, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		if err := w.note(at, r.StatusCode); err != nil {
			return err
		}
		if r.Close {
			return fmt.Errorf("the connection was closed after status %d", r.StatusCode)
		}
		time.Sleep(between)
	}
	return nil
}

// Connections opens connections to a host, one after another without waiting for the one before.
func Connections(in io.Reader, out io.Writer, host string) error {
	w := newWatch(in, out)
	begin := time.Now()
	found, err := net.ResolveTCPAddr("tcp4", net.JoinHostPort(host, "80"))
	if err != nil {
		return err
	}
	type attempt struct {
		at   time.Time
		made chan bool
	}
	// Attempts are told of in the order in which they began.
	attempts := make(chan attempt, 4*patience/between)
	told := make(chan error, 1)
	go func() {
		for a := range attempts {
			status := 0
			if <-a.made {
				status = 1
			}
			if err := w.note(a.at, status); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()
	for time.Since(begin) < lifetime && !w.ended() {
		a := attempt{time.Now(), make(chan bool, 1)}
		go func() {
			c, err := net.DialTimeout("tcp", found.String(), patience)
			if err == nil {
				_ = c.Close()
			}
			a.made <- err == nil
		}()
		select {
		case attempts <- a:
		case err := <-told:
			return err
		}
		time.Sleep(2 * between)
	}
	close(attempts)
	return <-told
}
