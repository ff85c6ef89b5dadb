package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// glut is what a client does to make a server remember: what it sends first on each connection, then what follows as long as that is taken.
type glut struct{ name, head, more string }

// clogged opens connections, sends on each of them what is taken, 4 MiB at most, reads nothing, and answers once nothing more is taken.
func clogged(address string, connections int, g glut) ([]net.Conn, error) {
	const most = 4 << 20
	var open []net.Conn
	var all sync.WaitGroup
	for range connections {
		c, err := net.DialTimeout("tcp4", address, 10*time.Second)
		if err != nil {
			return open, err
		}
		open = append(open, c)
		all.Go(func() {
			_, err := io.WriteString(c, g.head)
			for n := 0; err == nil && n < most && g.more != ""; n += len(g.more) {
				_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
				_, err = io.WriteString(c, g.more)
			}
		})
	}
	all.Wait()
	return open, nil
}

// clog does so in a VPC, says when it has, closes the connections at a line, and ends with its input: with it goes its interface, after
// which nobody would tell the server that they are closed.
func clog(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	open, err := clogged(args[0], n, glut{head: args[2], more: args[3]})
	if err != nil {
		return err
	}
	fmt.Println("clogged")
	in := bufio.NewReader(os.Stdin)
	_, err = in.ReadString('\n')
	for _, c := range open {
		_ = c.Close()
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// bounded says that a server does not take so much more memory than it did.
func (s *server) bounded(t *testing.T, what string, before, most int) {
	t.Helper()
	now := s.rss(t)
	t.Logf("%s: resident %d MiB before, %d MiB with it", what, before, now)
	if now-before > most {
		t.Errorf("%s takes %d MiB, more than %d", what, now-before, most)
	}
}

// Clients that read nothing of long answers, or send headers and bodies without an end, cost the server little memory each, and others
// are served meanwhile. Were the server to keep what comes, it would be eight times the bound.
func TestPrivilegedGlutton(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	if got := p.get(t, z.url("/")); got != fine {
		t.Fatal(got)
	}
	const crowd, most = 200, 100 // 200 times 4 MiB
	host := "Host: " + z.name + "\r\n"
	lines := strings.Repeat("x-name: "+strings.Repeat("v", 100)+"\r\n", 100)
	part := strings.Repeat("x", 64<<10)
	for _, g := range []glut{
		{"answers that nobody reads", "GET /?size=4194304 HTTP/1.1\r\n" + host + "\r\n", ""},
		{"headers without an end", "GET / HTTP/1.1\r\n" + host, lines},
		{"long bodies", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4194304\r\n\r\n", part},
		{"bodies without an end", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", "10000\r\n" + part + "\r\n"},
	} {
		t.Run(g.name, func(t *testing.T) {
			before := s.rss(t)
			client := z.start(t, "clog", z.name+":80", fmt.Sprint(crowd), g.head, g.more)
			if got := client.line(t); got != "clogged" {
				t.Fatal(got)
			}
			if got := p.get(t, z.url("/")); got != fine {
				t.Errorf("meanwhile: %s", got)
			}
			s.bounded(t, g.name, before, most)
			if _, err := io.WriteString(client.in, "\n"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "their end", func() bool { return s.metric(t, "trellis_proxy_connections") < 10 })
			_ = client.in.Close()
		})
	}
	for _, g := range []glut{
		{"headers without an end, to the APIs", "GET / HTTP/1.1\r\nHost: localhost\r\n", lines},
		{"bodies without an end, to the APIs", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + part + "\r\n"},
	} {
		t.Run(g.name, func(t *testing.T) {
			before := s.rss(t)
			open, err := clogged(strings.TrimPrefix(s.endpoint, "http://"), crowd, g)
			if err != nil {
				t.Fatal(err)
			}
			s.bounded(t, g.name, before, most)
			for _, c := range open {
				_ = c.Close()
			}
		})
	}
	if got := p.get(t, z.url("/")); got != fine {
		t.Errorf("afterwards: %s", got)
	}
	s.alive(t)
}

// Functions that do not answer keep their events waiting, and nothing else.
func TestPrivilegedSilentFunctions(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	function := z.function(t, "f")
	must(t, z.lambda.Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"fast"`)})
	before := s.rss(t)
	const crowd, size = 12, 2 << 20
	event := []byte(`"slow` + strings.Repeat("x", size) + `"`)
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			got, err := z.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: event, InvocationType: types.InvocationTypeRequestResponse})
			if err != nil || got.FunctionError != nil {
				t.Errorf("a call that takes long: %v %s", err, aws.ToString(got.FunctionError))
			}
		})
	}
	eventually(t, "the calls", func() bool { return len(s.runtimes()) >= crowd })
	// Each event is in memory a few times over: as it came, and on its way.
	s.bounded(t, "events of functions that do not answer", before, crowd*size>>20*8)
	all.Wait()
	s.alive(t)
}
