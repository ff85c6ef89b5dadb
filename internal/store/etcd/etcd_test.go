package etcd_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/store"
	"trellis/internal/store/etcd"
	"trellis/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := etcd.Embed(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// The embedded database takes as much in one step as a share of everything, or a target group of all its targets, comes to.
func TestEmbedTakesManyReads(t *testing.T) {
	s, err := etcd.Embed(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var reads []store.Read
	var writes []store.Write
	for n := range 3000 {
		key := fmt.Sprint("k", n)
		reads, writes = append(reads, store.Read{Key: key}), append(writes, store.Write{Key: key, Value: []byte("v")})
	}
	if _, err := s.Commit(t.Context(), reads, writes); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), reads, writes); !errors.Is(err, store.ErrConflict) {
		t.Errorf("keys that are there now are compared: %v", err)
	}
}

// A database that is opened again leads over what it has, however much of that is yet to be applied.
func TestEmbedAgain(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		s, err := etcd.Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 30 {
			if _, err := s.Commit(t.Context(), nil, []store.Write{{Key: fmt.Sprint("k", i, "-", n), Value: []byte("v")}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := etcd.Embed(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	enough := errors.New("enough")
	err = s.Watch(t.Context(), func(b store.Batch) error {
		if len(b.Events) != 12*30 {
			t.Errorf("%d keys are there, want %d", len(b.Events), 12*30)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// The database file has more of the disk than it needs, without holes.
func TestEmbedReservesTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := etcd.Embed(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var db unix.Stat_t
	for range 500 {
		if err := unix.Stat(filepath.Join(dir, "member", "snap", "db"), &db); err != nil {
			t.Fatal(err)
		}
		if db.Blocks*512 > db.Size+16<<20 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d bytes of the disk for a file of %d", db.Blocks*512, db.Size)
}
