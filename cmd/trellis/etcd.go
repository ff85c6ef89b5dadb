package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"trellis/internal/store"
	"trellis/internal/store/etcd"
)

// etcdOptions name an external etcd cluster.
type etcdOptions struct {
	endpoints     []string
	ca, cert, key string
}

func (o etcdOptions) open(ctx context.Context) (store.Store, error) {
	cfg := clientv3.Config{Endpoints: o.endpoints, DialTimeout: 5 * time.Second, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 5 * time.Second}
	if o.ca != "" || o.cert != "" {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.ca)
		}
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	return etcd.Open(ctx, cfg)
}
