package forge

import "testing"

func TestInternals(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"etcdserver: no leader"}`:     "it shows internals",
		`{"message":"the etcd cluster is away"}`:  "it shows internals",
		`{"message":"state.go:12: no such row"}`:  "it shows internals",
		`{"id":"listener-0aetcd7k2mq9x4w1z"}`:     "",
		`{"token":"3f2etcdserver9","name":"etc"}`: "",
	} {
		if got := (Answer{Status: 200, Body: body}).Improper(); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
