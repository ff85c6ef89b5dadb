// Command probe makes one HTTP request and prints what came of it as a line of JSON, or serves such requests. Run
// inside a subnet, it is what a client or a server there would be. It holds no state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The outcomes of a request.
const (
	answered    = "answered"
	timedOut    = "timeout" // neither an answer nor word from the network that there will be none
	refused     = "refused"
	unreachable = "unreachable"
	unresolved  = "unresolved"
	failed      = "failed"
)

// result is what came of a request.
type result struct {
	Outcome   string `json:"outcome"`
	Status    int    `json:"status,omitempty"`
	Body      string `json:"body,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Error     string `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

const usage = `usage: probe [-method GET] [-timeout 2s] URL
       probe serve [-listen :8080]`

func run(args []string, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && args[0] == "serve" {
		flags := flag.NewFlagSet("probe serve", flag.ContinueOnError)
		listen := flags.String("listen", ":8080", "address to listen on")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return serve(ctx, *listen, out)
	}
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	method := flags.String("method", http.MethodGet, "method of the request")
	timeout := flags.Duration("timeout", 2*time.Second, "how long the answer may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New(usage)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	r, err := ask(ctx, *method, flags.Arg(0))
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// ask makes the request; its error is one of the request's form, not of its fate.
func ask(ctx context.Context, method, url string) (result, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return result{}, err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return result{Outcome: outcome(err), Error: err.Error()}, nil
	}
	r := result{Outcome: answered, Status: resp.StatusCode, RequestID: resp.Header.Get("x-amzn-requestid")}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		r.Outcome, r.Error = outcome(err), err.Error()
	}
	r.Body = string(body)
	return r, nil
}

func outcome(err error) string {
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return unresolved
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	}
	return failed
}

// serve answers every request until the context ends; its first line says where.
func serve(ctx context.Context, listen string, out io.Writer) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello,", r.RemoteAddr) }),
	}
	addresses, err := own()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := json.NewEncoder(out).Encode(map[string]any{"listening": listener.Addr().String(), "addresses": addresses}); err != nil {
		return errors.Join(err, listener.Close())
	}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// own are the IPv4 addresses of this host's interfaces but loopback.
func own() ([]string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	addresses := []string{}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			addresses = append(addresses, ip.IP.String())
		}
	}
	return addresses, nil
}
