package etcd

import (
	"testing"

	"trellis/internal/store"
)

// What may be given to etcd a second time cannot happen twice: a key that was absent may be so again when the first comes late.
func TestOnce(t *testing.T) {
	put, gone := store.Write{Key: "k", Value: []byte{}}, store.Write{Key: "k"}
	for _, test := range []struct {
		name  string
		read  store.Read
		write store.Write
		want  bool
	}{
		{"a row that is changed", store.Read{Key: "k", Rev: 5}, put, true},
		{"a row that is removed", store.Read{Key: "k", Rev: 5}, gone, true},
		{"a row that is only read", store.Read{Key: "other", Rev: 5}, put, false},
		{"a row that is made", store.Read{Key: "k"}, put, false},
		{"the removal of what is not there", store.Read{Key: "k"}, gone, false},
	} {
		if got := once([]store.Read{test.read}, []store.Write{test.write}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
