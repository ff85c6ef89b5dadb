package etcd_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trellis/internal/store/etcd"
)

// A cluster that cannot be used is refused with what is wrong.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		c    etcd.Cluster
		want string
	}{
		{"another scheme", etcd.Cluster{Endpoints: []string{"ftp://127.0.0.1:1"}}, "https://HOST:PORT"},
		{"no scheme", etcd.Cluster{Endpoints: []string{"127.0.0.1:2379"}}, "https://HOST:PORT"},
		{"no host", etcd.Cluster{Endpoints: []string{"http://"}}, "https://HOST:PORT"},
		{"one of two", etcd.Cluster{Endpoints: []string{"http://127.0.0.1:1", "localhost"}}, `"localhost"`},
		{"no encryption", etcd.Cluster{Endpoints: []string{"http://127.0.0.1:1"}, CA: testCA(t)}, "did you mean https"},
		{"no authority", etcd.Cluster{Endpoints: []string{"https://127.0.0.1:1"}, CA: filepath.Join(dir, "none")}, "no such file"},
		{"junk for an authority", etcd.Cluster{Endpoints: []string{"https://127.0.0.1:1"}, CA: junk}, "holds no certificate"},
		{"junk for a certificate", etcd.Cluster{Endpoints: []string{"https://127.0.0.1:1"}, Cert: junk, Key: junk}, "client certificate"},
		{"a key without a certificate", etcd.Cluster{Endpoints: []string{"https://127.0.0.1:1"}, Key: junk}, "client certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if s, err := etcd.Open(t.Context(), test.c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, %v, want an error with %q", s, err, test.want)
			}
		})
	}
}

// A cluster that does not answer is given up, with the reason of the network or of TLS.
func TestOpenGivesUp(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 0)
	stranger := startCluster(t, 1, 0)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	alone := startCluster(t, 2, 0)
	must(t, alone.Kill(0))
	for _, test := range []struct {
		name string
		c    etcd.Cluster
		want string
	}{
		{"one of two", names(alone), "without most of its members"},
		{"one of them there", etcd.Cluster{Endpoints: []string{"http://127.0.0.1:1", "http://" + silent.Addr().String()}}, "connection refused"},
		{"nobody there", etcd.Cluster{Endpoints: []string{"http://127.0.0.1:1"}}, "connection refused"},
		{"somebody silent", etcd.Cluster{Endpoints: []string{"http://" + silent.Addr().String()}}, "deadline exceeded"},
		{"another's authority", etcd.Cluster{Endpoints: c.Endpoints, CA: stranger.CA, Cert: c.Cert, Key: c.Key}, "unknown authority"},
		{"another's certificate", etcd.Cluster{Endpoints: c.Endpoints, CA: c.CA, Cert: stranger.Cert, Key: stranger.Key}, "remote error: tls"},
		{"no certificate", etcd.Cluster{Endpoints: c.Endpoints, CA: c.CA}, "remote error: tls"},
		{"no encryption", etcd.Cluster{Endpoints: []string{strings.Replace(c.Endpoints[0], "https", "http", 1)}}, "deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := etcd.Open(t.Context(), test.c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, %v, want an error with %q", s, err, test.want)
			}
		})
	}
}

func testCA(t *testing.T) string { return startCluster(t, 1, 0).CA }
