package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Cluster names an external etcd cluster. CA, Cert and Key are files; without them the connection is not encrypted.
type Cluster struct {
	Endpoints     []string
	CA, Cert, Key string
	// Lease is a file that remembers this process's lease, so that its successor can end it at once. It is optional.
	Lease string
}

// Open returns a Store on the cluster.
func Open(ctx context.Context, c Cluster) (*Store, error) {
	cfg := clientv3.Config{Endpoints: c.Endpoints, DialTimeout: 5 * time.Second, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 5 * time.Second}
	if c.CA != "" || c.Cert != "" {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		return nil, err
	}
	return newStore(ctx, client, client.Close, c.Lease, silence)
}
