package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Cluster names an external etcd cluster. CA, Cert and Key are files; without them the connection is not encrypted.
type Cluster struct {
	Endpoints     []string
	CA, Cert, Key string
	// Lease is a file that remembers this process's lease, so that its successor can end it at once. It is optional.
	Lease string
}

const (
	// askTime is how long a cluster may take to give its first answer, and probeTime after how much of it its members are tried
	// one by one: if none of them is there it is not waited for any longer.
	askTime, probeTime = 6 * time.Second, 2 * time.Second
)

// Open returns a Store on the cluster.
func Open(ctx context.Context, c Cluster) (*Store, error) {
	// A connection whose packets are lost is given up after the keep-alive's timeout, as TCP is told; one that is held open and
	// not answered after the time as well, of which gRPC makes 10 s.
	cfg := clientv3.Config{Endpoints: c.Endpoints, DialTimeout: 5 * time.Second, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 2 * time.Second,
		// What goes wrong is said once, by whoever asked.
		Logger: zap.NewNop()}
	var err error
	if cfg.TLS, err = c.encryption(); err != nil {
		return nil, err
	}
	for _, e := range c.Endpoints {
		if err := check(e, cfg.TLS != nil); err != nil {
			return nil, err
		}
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.ask(ctx, client, cfg.TLS); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	l := newLease(client, c.Lease)
	if err := l.take(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return newStore(ctx, client, client.Close, l, silence), nil
}

// encryption is nil where the connection has none.
func (c Cluster) encryption() (*tls.Config, error) {
	if c.CA == "" && c.Cert == "" && c.Key == "" {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("the certificate authority of the etcd cluster: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the certificate authority of the etcd cluster: %s holds no certificate", c.CA)
		}
	}
	if c.Cert == "" && c.Key == "" {
		return out, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("the client certificate for the etcd cluster: %w", err)
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}

// check refuses what is not the URL of an etcd, and one that would drop the encryption that was asked for.
func check(endpoint string, encrypted bool) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Path != "" || u.User != nil || u.RawQuery != "":
		return fmt.Errorf("%q is not the URL of an etcd: it has the form https://HOST:PORT or http://HOST:PORT", endpoint)
	case u.Scheme == "http" && encrypted:
		return fmt.Errorf("a connection to %s is not encrypted, and certificates are given: did you mean https?", endpoint)
	}
	return nil
}

// ask waits for the cluster's first answer. The client knows only that none came in time; what is wrong with each member is
// found out beside it.
func (c Cluster) ask(ctx context.Context, client *clientv3.Client, encryption *tls.Config) error {
	asking, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), askTime)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := client.Get(asking, prefix, clientv3.WithCountOnly())
		answer <- err
	}()
	probed := make(chan []error, 1)
	defer time.AfterFunc(probeTime, func() { probed <- c.probe(asking, encryption) }).Stop()
	where, wrong := strings.Join(c.Endpoints, ", "), []error(nil)
	for {
		select {
		case err := <-answer:
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			}
			return fmt.Errorf("what is at %s does not answer, as an etcd without most of its members: %w", where, errors.Join(append(wrong, err)...))
		case wrong = <-probed:
			if len(wrong) == len(c.Endpoints) {
				return fmt.Errorf("no etcd is at %s: %w", where, errors.Join(wrong...))
			}
		}
	}
}

// probe tries all members at once, and returns what is wrong with those that are not there.
func (c Cluster) probe(ctx context.Context, encryption *tls.Config) []error {
	results := make(chan error)
	for _, e := range c.Endpoints {
		go func() { results <- reach(ctx, e, encryption) }()
	}
	var why []error
	for range c.Endpoints {
		if err := <-results; err != nil {
			why = append(why, err)
		}
	}
	return why
}

// reach tries to speak to a member as the client would.
func reach(ctx context.Context, endpoint string, encryption *tls.Config) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	address := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "http" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	conn, err := (&tls.Dialer{Config: encryption}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	defer conn.Close()
	// In TLS 1.3 a member refuses a client's certificate after the handshake.
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetReadDeadline(deadline); err != nil {
			return err
		}
	}
	var alert *net.OpError
	if _, err := conn.Read(make([]byte, 1)); errors.As(err, &alert) && !alert.Timeout() {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
