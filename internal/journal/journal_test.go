package journal_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/journal"
)

func open(t *testing.T, dir string) *journal.Store {
	t.Helper()
	s, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAppendAndRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Append("g", "s", nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("append to nothing: %v", err)
	}
	if err := s.Create("g", "2026/11/23/[$LATEST]x", 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Create("g", "2026/11/23/[$LATEST]x", 6); !errors.Is(err, journal.ErrExists) {
		t.Errorf("create again: %v", err)
	}
	events := []journal.Event{{10, 12, "first\nwith a line's end"}, {9, 12, "earlier"}, {10, 12, "second"}}
	if err := s.Append("g", "2026/11/23/[$LATEST]x", events); err != nil {
		t.Fatal(err)
	}
	want := []journal.Event{events[1], events[0], events[2]}
	for _, s := range []*journal.Store{s, open(t, dir)} {
		got, err := s.Read("g", "2026/11/23/[$LATEST]x", 0, math.MaxInt64)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
		if got, _ := s.Read("g", "2026/11/23/[$LATEST]x", 10, 11); len(got) != 2 {
			t.Errorf("from 10 to 11: %v", got)
		}
		streams, err := s.Streams("g")
		if err != nil || len(streams) != 1 || streams[0].Created != 5 || streams[0].First != 9 || streams[0].Last != 10 || streams[0].LastWritten != 12 {
			t.Errorf("streams: %+v, %v", streams, err)
		}
	}
	if err := s.Delete("g"); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestHalfWrittenLineIsCutOff(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := errors.Join(s.Create("g", "s", 1), s.Append("g", "s", []journal.Event{{1, 1, "whole"}})); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "g", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"t":2,"m":"ha`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if err := s.Append("g", "s", []journal.Event{{3, 3, "after"}}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Read("g", "s", 0, math.MaxInt64)
	if err != nil || len(got) != 2 || got[1].Message != "after" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Create("g", "s", 1); err != nil {
		t.Fatal(err)
	}
	var want []journal.Event
	for i, m := range []string{"", " ", "plain", "a\nb\n", `\n`, `\`, `{"agent":"\"\\"}`, "\r\t\x00\xff", " 1 2 "} {
		want = append(want, journal.Event{Time: int64(i), Ingested: -1, Message: m})
	}
	if err := s.Append("g", "s", want); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*journal.Store{s, open(t, dir)} {
		got, err := s.Read("g", "s", 0, math.MaxInt64)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
}

// A file stays open from one append to the next, yet nothing is written to one that has no name any more.
func TestAppendAfterRemoval(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, c := range []struct {
		name   string
		remove func() error
		want   []string
	}{
		{"nothing", func() error { return nil }, []string{"first", "second"}},
		{"the group's directory", func() error { return os.RemoveAll(filepath.Join(dir, "g")) }, []string{"second"}},
		{"the stream", func() error { return errors.Join(s.DeleteStream("g", "s"), s.Create("g", "s", 1)) }, []string{"second"}},
		{"the group", func() error { return errors.Join(s.Delete("g"), s.Create("g", "s", 1)) }, []string{"second"}},
	} {
		err := errors.Join(s.Create("g", "s", 1), s.Append("g", "s", []journal.Event{{1, 1, "first"}}), c.remove(),
			s.Append("g", "s", []journal.Event{{1, 1, "second"}}))
		got, readErr := s.Read("g", "s", 0, math.MaxInt64)
		if err := errors.Join(err, readErr, s.DeleteStream("g", "s")); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, c.want, func(e journal.Event, m string) bool { return e.Message == m }) {
			t.Errorf("%s removed: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestManyStreams(t *testing.T) {
	s := open(t, t.TempDir())
	before := openFiles(t)
	for round := range 2 {
		for i := range 100 {
			stream := strconv.Itoa(i)
			if round == 0 {
				if err := s.Create("g", stream, 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Append("g", stream, []journal.Event{{int64(round), 1, stream}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 100 {
		got, err := s.Read("g", strconv.Itoa(i), 0, math.MaxInt64)
		if err != nil || len(got) != 2 || got[1].Message != strconv.Itoa(i) {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
	if more := openFiles(t) - before; more > 50 {
		t.Errorf("%d files stay open", more)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestGroupIDsStayInside(t *testing.T) {
	s := open(t, t.TempDir())
	for _, id := range []string{"", "..", "a/b", ".x"} {
		if err := s.Create(id, "s", 1); err == nil {
			t.Errorf("group %q was taken", id)
		}
	}
}
