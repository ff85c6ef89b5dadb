package faults

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probe is what this binary does inside: "serve" is a target, "ask" asks for each URL, or connects to each address, that it reads and prints what came of it,
// "mute" is a target that never answers, "crowd" asks so many times at once, "clog" sends all that is taken and reads nothing, "idle" opens connections and leaves them, "stream" asks without pause until its input ends, "send" and
// "listen" send forged packets and count what arrives, "sink" takes whatever comes, "insist" goes on sending to it, "steal" prints what it gets of a server, "hold" holds a tmpfs until its
// input ends, and "within" runs a program where another has such a mount.
func probe(what string, args []string) error {
	switch what {
	case "serve":
		return serve()
	case "mute":
		return mute()
	case "crowd":
		return crowd(args[0], args[1])
	case "ask":
		return ask()
	case "send":
		return send()
	case "listen":
		return listen(args[0])
	case "sink":
		return sink()
	case "insist":
		return insist(args[0])
	case "clog":
		return clog(args)
	case "idle":
		return idle(args)
	case "stream":
		return stream(args[0])
	case "steal":
		return steal(args[0], args[1])
	case "hold":
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", args[1], "tmpfs", 0, "size="+args[0]+"m"); err != nil {
			return err
		}
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	case "within":
		mounts, err := os.Open("/proc/" + args[0] + "/ns/mnt")
		if err != nil {
			return err
		}
		// Only a thread that shares its directories with no other may change its mounts.
		runtime.LockOSThread()
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS)); err != nil {
			return err
		}
		return syscall.Exec(args[1], args[1:], os.Environ())
	}
	return fmt.Errorf("unknown probe %q", what)
}

// serve answers with the hash of the body; "wait" says for how long the answer takes, "size" how much of it there is.
func serve() error {
	l, err := net.Listen("tcp4", ":8080")
	if err != nil {
		return err
	}
	if err := sayAddress(); err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			return
		}
		wait, _ := time.ParseDuration(r.FormValue("wait"))
		size, _ := strconv.Atoi(r.FormValue("size"))
		w.Header().Set("X-Sum", hex.EncodeToString(sum.Sum(nil)))
		part := bytes.Repeat([]byte("x"), max(size/8, 1))
		for range 8 {
			if _, err := w.Write(part); err != nil {
				return
			}
			if wait > 0 {
				_ = http.NewResponseController(w).Flush()
				time.Sleep(wait / 8)
			}
		}
	}))
}

// mute takes requests and answers none; for each line of its input it tells how many it has got.
func mute() error {
	l, err := net.Listen("tcp4", ":8080")
	if err != nil {
		return err
	}
	if err := sayAddress(); err != nil {
		return err
	}
	var got atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					got.Add(1)
				}
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}()
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(got.Load())
	}
	return in.Err()
}

// crowd asks for a URL so many times at once, and prints how often each thing came of it.
func crowd(url, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	one := &http.Client{Timeout: 3 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	came := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			what := ""
			if res, err := one.Get(url); err != nil {
				what = strings.ReplaceAll(err.Error(), "\n", " ")
			} else {
				_ = res.Body.Close()
				what = res.Status
			}
			mu.Lock()
			defer mu.Unlock()
			came[what]++
		})
	}
	all.Wait()
	fmt.Println(came)
	return nil
}

func sayAddress() error {
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			fmt.Println(ip.IP)
		}
	}
	return err
}

// send sends a packet for each line of its input: from whom, to whom, and what it says.
func send() error {
	if err := sayAddress(); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f := strings.Fields(in.Text())
		if err := inject(netip.MustParseAddr(f[0]), netip.MustParseAddr(f[1]), f[2]); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("sent")
	}
	return in.Err()
}

// listen counts the datagrams it gets by what they say, and tells for each line of its input.
func listen(port string) error {
	c, err := net.ListenPacket("udp4", ":"+port)
	if err != nil {
		return err
	}
	if err := sayAddress(); err != nil {
		return err
	}
	var honest, hostile atomic.Int64
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if string(b[:n]) == "honest" {
				honest.Add(1)
			} else {
				hostile.Add(1)
			}
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println("honest", honest.Load(), "hostile", hostile.Load())
	}
	return in.Err()
}

// sink takes datagrams and connections, and for each line of its input tells how many bytes have come over each.
func sink() error {
	at := fmt.Sprint(":", hostilePort)
	datagrams, err := net.ListenPacket("udp4", at)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", at)
	if err != nil {
		return err
	}
	if err := sayAddress(); err != nil {
		return err
	}
	var udp, tcp atomic.Int64
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := datagrams.ReadFrom(b)
			if err != nil {
				return
			}
			udp.Add(int64(n))
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1500)
			for n, err := c.Read(b); err == nil; n, err = c.Read(b) {
				tcp.Add(int64(n))
			}
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println("udp", udp.Load(), "tcp", tcp.Load())
	}
	return in.Err()
}

// insist opens a connection to a sink, and for each line of its input sends ten bytes over it, and ten datagrams of one byte.
func insist(to string) error {
	to = fmt.Sprint(to, ":", hostilePort)
	datagrams, err := net.Dial("udp4", to)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp4", to)
	if err != nil {
		return err
	}
	if err := sayAddress(); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		_, err := conn.Write(make([]byte, 10))
		for range 10 {
			_, failed := datagrams.Write([]byte{0})
			err = errors.Join(err, failed)
		}
		if err != nil {
			return err
		}
		fmt.Println("sent")
	}
	return in.Err()
}

func client() *http.Client {
	return &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

func ask() error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if !strings.HasPrefix(in.Text(), "http") {
			c, err := net.DialTimeout("tcp4", in.Text(), 2*time.Second)
			if err != nil {
				fmt.Println(err)
				continue
			}
			c.Close()
			fmt.Println("connected")
			continue
		}
		res, err := client().Get(in.Text())
		if err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		fmt.Println(res.StatusCode, err)
	}
	return in.Err()
}

// idle opens connections to an address, every second of which has carried a request, and reports; it ends with its input.
func idle(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	host, _, _ := strings.Cut(args[0], ":")
	open := make([]net.Conn, 0, n)
	for i := range n {
		c, err := net.DialTimeout("tcp4", args[0], 10*time.Second)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		open = append(open, c)
		if i%2 == 0 {
			if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
				return err
			}
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
		}
	}
	fmt.Println("open", len(open))
	_, err = io.Copy(io.Discard, os.Stdin)
	for _, c := range open {
		_ = c.Close()
	}
	return err
}

// slowly gives a body in parts.
type slowly struct {
	left []byte
	wait time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.wait)
	n := copy(p, s.left[:min(len(s.left), 4<<10)])
	s.left = s.left[n:]
	return n, nil
}

// stream asks without pause, with fast and slow bodies of both directions, until its input ends; then it prints how many
// requests there were and what was wrong.
func stream(url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	var asked atomic.Int64
	var mu sync.Mutex
	var wrong []string
	var all sync.WaitGroup
	kept := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for i := range 8 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := exchange(kept, url, i); err != nil {
					mu.Lock()
					wrong = append(wrong, err.Error())
					mu.Unlock()
				}
				asked.Add(1)
			}
		})
	}
	fmt.Println("streaming")
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	all.Wait()
	fmt.Println(asked.Load(), len(wrong), strings.ReplaceAll(strings.Join(wrong[:min(len(wrong), 5)], "; "), "\n", " "))
	return nil
}

// exchange makes one request of a kind and holds the answer against what was sent.
func exchange(c *http.Client, url string, kind int) error {
	body := make([]byte, rand.IntN(64<<10))
	size, wait := 8+8*rand.IntN(4<<10), ""
	var reader io.Reader = bytes.NewReader(body)
	switch kind {
	case 0:
		reader = &slowly{body, 20 * time.Millisecond}
	case 1:
		wait = "&wait=400ms"
	}
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	req, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s?size=%d%s", url, size, wait), reader)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	sum := sha256.Sum256(body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != 200:
		return fmt.Errorf("kind %d: status %d %s", kind, res.StatusCode, got)
	case len(got) != size:
		return fmt.Errorf("kind %d: %d bytes of %d", kind, len(got), size)
	case res.Header.Get("X-Sum") != hex.EncodeToString(sum[:]):
		return errors.New("the target got another body")
	}
	return nil
}

// inner is a probe that runs inside the zone's VPC.
type inner struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *bytes.Buffer
}

// start starts a probe that runs until the test ends.
func (z *zone) start(t *testing.T, args ...string) *inner {
	t.Helper()
	line := append([]string{"exec", "--subnet", z.subnet, "--security-group", z.group, "--", z.self, probeArgument}, args...)
	return attach(t, z.command(context.WithoutCancel(t.Context()), line...))
}

// attach starts a command as a probe that runs until the test ends.
func attach(t *testing.T, cmd *exec.Cmd) *inner {
	t.Helper()
	p := &inner{cmd: cmd, err: &bytes.Buffer{}}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.cmd.Stderr = bufio.NewReader(out), p.err
	p.cmd.Env = append(os.Environ(), "GODEBUG=netdns=go")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// line is the next line it prints.
func (p *inner) line(t *testing.T) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the probe says %q, %v: %s", s, err, p.err)
	}
	return strings.TrimSpace(s)
}

// get asks one URL of a probe that asks.
func (p *inner) get(t *testing.T, url string) string {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, url); err != nil {
		t.Fatal(err)
	}
	return p.line(t)
}

const fine = "200 <nil>"
