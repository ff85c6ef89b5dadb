package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// patience is how long a client waits before it calls no answer a timeout.
const patience = 2 * time.Second

// ask is a request that the probe makes, or with the method LOOKUP a name or address that it looks up.
type ask struct {
	Method, URL string
	Header      http.Header
	// Sign, if there, signs the request for VPC Lattice.
	Sign *signing
}

type signing struct {
	Key, Secret, Token string
	// Age is how long ago the request was signed.
	Age time.Duration
	// Payload is the hash the signature has of the body, UNSIGNED-PAYLOAD unless given.
	Payload string
	// Spoil changes the URL's query after the signing.
	Spoil bool
}

// reply is what came of it: a status, or timeout, or another error.
type reply struct {
	Status  int
	Header  http.Header
	Body    string
	Timeout bool
	Err     string
}

func (r reply) String() string {
	switch {
	case r.Timeout:
		return "timeout"
	case r.Err != "":
		return r.Err
	}
	return fmt.Sprintf("%d %s", r.Status, strings.TrimSpace(r.Body))
}

// is says whether the reply is the status, 0 standing for a timeout.
func (r reply) is(status int) bool {
	if status == 0 {
		return r.Timeout
	}
	return r.Err == "" && r.Status == status
}

func (r reply) requestID() string { return r.Header.Get("X-Amzn-Requestid") }

// probe is the program that the tests run inside VPCs: "ask JSON" makes requests and prints their replies, "serve PORT" answers
// any request with what it got, after it has printed its own address.
func probe(args []string) int {
	var err error
	switch {
	case len(args) == 2 && args[0] == "ask":
		err = probeAsk(args[1])
	case len(args) == 2 && args[0] == "serve":
		err = probeServe(args[1])
	default:
		err = fmt.Errorf("unknown arguments %q", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		return 1
	}
	return 0
}

func probeAsk(text string) error {
	var asks []ask
	if err := json.Unmarshal([]byte(text), &asks); err != nil {
		return err
	}
	replies := make([]reply, len(asks))
	for i, a := range asks {
		replies[i] = a.do()
	}
	return json.NewEncoder(os.Stdout).Encode(replies)
}

func (a ask) do() reply {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if a.Method == "LOOKUP" {
		find := net.DefaultResolver.LookupHost
		if net.ParseIP(a.URL) != nil {
			find = net.DefaultResolver.LookupAddr
		}
		found, err := find(ctx, a.URL)
		return reply{Body: strings.Join(found, " "), Err: fmt.Sprint(err)}
	}
	r, err := http.NewRequestWithContext(ctx, a.Method, a.URL, nil)
	if err != nil {
		return reply{Err: err.Error()}
	}
	for k, v := range a.Header {
		r.Header[k] = v
	}
	if a.Sign != nil {
		if err := a.Sign.apply(ctx, r); err != nil {
			return reply{Err: err.Error()}
		}
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		var network net.Error
		return reply{Err: err.Error(), Timeout: errors.As(err, &network) && network.Timeout()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{Err: err.Error()}
	}
	return reply{Status: res.StatusCode, Header: res.Header, Body: string(body)}
}

func (s *signing) apply(ctx context.Context, r *http.Request) error {
	hash := s.Payload
	if hash == "" {
		hash = "UNSIGNED-PAYLOAD"
	}
	r.Header.Set("X-Amz-Content-Sha256", hash)
	credentials := aws.Credentials{AccessKeyID: s.Key, SecretAccessKey: s.Secret, SessionToken: s.Token}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hash, "vpc-lattice-svcs", region, time.Now().Add(-s.Age)); err != nil {
		return err
	}
	if s.Spoil {
		r.URL.RawQuery += "&more=1"
	}
	return nil
}

func probeServe(port string) error {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			fmt.Println(ip.IP)
			break
		}
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "header": r.Header})
	}))
}

// place is where in a VPC a program runs.
type place struct {
	server *server
	subnet string
	groups []string
}

func (p place) probe(ctx context.Context, args ...string) *exec.Cmd {
	line := []string{"exec", "--subnet", p.subnet}
	for _, g := range p.groups {
		line = append(line, "--security-group", g)
	}
	line = append(line, "--", p.server.self, probeArgument)
	cmd := p.server.command(ctx, append(line, args...)...)
	cmd.Env = append(os.Environ(), "GODEBUG=netdns=go")
	return cmd
}

// ask makes requests from inside.
func (p place) ask(t *testing.T, asks ...ask) []reply {
	t.Helper()
	text, err := json.Marshal(asks)
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.probe(t.Context(), "ask", string(text))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("exec in %s: %v: %s", p.subnet, err, said.String())
	}
	var replies []reply
	if err := json.Unmarshal(out.Bytes(), &replies); err != nil || len(replies) != len(asks) {
		t.Fatalf("the probe says %q: %v", out.String(), err)
	}
	return replies
}

// get asks for one URL.
func (p place) get(t *testing.T, url string) reply {
	t.Helper()
	return p.ask(t, ask{Method: "GET", URL: url})[0]
}

// serve runs an HTTP server inside until the test ends, and answers its address.
func (p place) serve(t *testing.T, port string) string {
	t.Helper()
	cmd := p.probe(context.WithoutCancel(t.Context()), "serve", port)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("no address of the server inside %s: %v %s", p.subnet, err, said.String())
	}
	return strings.TrimSpace(string(line[:n]))
}
