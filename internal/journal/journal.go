// Package journal keeps log events: append-only files of JSON lines, one for each stream, in one directory for each log
// group. The Store is the only writer of its directory. What a crash left half-written at the end of a file is cut off.
package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"trellis/internal/disk"
)

// Event is one line of a log. Times are milliseconds since 1970.
type Event struct {
	Time     int64  `json:"t"`
	Ingested int64  `json:"i"`
	Message  string `json:"m"`
}

// Stream describes one stream of a group. The times of events are zero while there are none.
type Stream struct {
	Name                              string
	Created, First, Last, LastWritten int64
	Bytes                             int64
}

// ErrExists and ErrNotFound are about streams.
var (
	ErrExists   = errors.New("journal: the stream exists already")
	ErrNotFound = errors.New("journal: the stream does not exist")
)

// Store is a directory of groups, which are known by ids that are never used again.
type Store struct {
	dir    string
	mu     sync.Mutex
	groups map[string]*group
}

type group struct {
	mu      sync.RWMutex
	dir     string
	streams map[string]*Stream
}

// head is the first line of a stream's file.
type head struct {
	Stream  string `json:"stream"`
	Created int64  `json:"created"`
}

// Open makes dir a store, or takes up the one that is there.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Store{dir: dir, groups: map[string]*group{}}, nil
}

func (s *Store) group(id string) (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[id]; g != nil {
		return g, nil
	}
	if id == "" || strings.ContainsAny(id, "/\x00") || id[0] == '.' {
		return nil, fmt.Errorf("journal: %q is not a group's id", id)
	}
	g := &group{dir: filepath.Join(s.dir, id), streams: map[string]*Stream{}}
	files, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		st, err := load(filepath.Join(g.dir, f.Name()))
		if err != nil {
			return nil, err
		}
		if st != nil {
			g.streams[st.Name] = st
		}
	}
	s.groups[id] = g
	return g, nil
}

// load reads what a file holds, and cuts off a last line without an end. It returns nil for a file without a head.
func load(path string) (*Stream, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st *Stream
	var whole int64
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, err
			}
			if len(line) > 0 {
				if err := f.Truncate(whole); err != nil {
					return nil, err
				}
			}
			return st, nil
		}
		whole += int64(len(line))
		if st == nil {
			var h head
			if json.Unmarshal(line, &h) != nil || h.Stream == "" {
				return nil, nil
			}
			st = &Stream{Name: h.Stream, Created: h.Created}
			continue
		}
		var e Event
		if json.Unmarshal(line, &e) == nil {
			st.add(e)
		}
	}
}

func (st *Stream) add(e Event) {
	if st.First == 0 || e.Time < st.First {
		st.First = e.Time
	}
	st.Last = max(st.Last, e.Time)
	st.LastWritten = max(st.LastWritten, e.Ingested)
	st.Bytes += int64(len(e.Message)) + overhead
}

// overhead is what CloudWatch Logs counts for each event beside its message.
const overhead = 26

func (g *group) file(stream string) string {
	sum := sha256.Sum256([]byte(stream))
	return filepath.Join(g.dir, hex.EncodeToString(sum[:16]))
}

// Create makes an empty stream.
func (s *Store) Create(groupID, stream string, now int64) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams[stream] != nil {
		return ErrExists
	}
	if err := g.begin(stream, now); err != nil {
		return err
	}
	g.streams[stream] = &Stream{Name: stream, Created: now}
	return nil
}

// begin makes the file of a stream, with its head. The caller holds mu.
func (g *group) begin(stream string, created int64) error {
	line, err := json.Marshal(head{stream, created})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(g.file(stream), append(line, '\n'), 0o600); err != nil {
		return errors.Join(err, removeIfThere(g.file(stream)))
	}
	return nil
}

// Append adds events to a stream: all of them or, where the disk is about to be full, none. A file that somebody removed is
// made anew.
func (s *Store) Append(groupID, stream string, events []Event) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	if err := disk.Room(s.dir, disk.ForLogs); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.streams[stream]
	if st == nil {
		return ErrNotFound
	}
	f, err := os.OpenFile(g.file(stream), os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := g.begin(stream, st.Created); err != nil {
			return err
		}
		*st = Stream{Name: stream, Created: st.Created}
		f, err = os.OpenFile(g.file(stream), os.O_WRONLY|os.O_APPEND, 0)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	for _, e := range events {
		st.add(e)
	}
	return nil
}

// Streams lists a group's streams by name.
func (s *Store) Streams(groupID string) ([]Stream, error) {
	g, err := s.group(groupID)
	if err != nil {
		return nil, err
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]Stream, 0, len(g.streams))
	for _, st := range g.streams {
		out = append(out, *st)
	}
	slices.SortFunc(out, func(a, b Stream) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Read returns the events of a stream with from <= Time < to, in order of time; events of one time stay as written.
func (s *Store) Read(groupID, stream string, from, to int64) ([]Event, error) {
	g, err := s.group(groupID)
	if err != nil {
		return nil, err
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.streams[stream] == nil {
		return nil, ErrNotFound
	}
	raw, err := os.ReadFile(g.file(stream))
	if err != nil {
		return nil, err
	}
	_, raw, _ = bytes.Cut(raw, []byte{'\n'})
	var out []Event
	for line := range bytes.Lines(raw) {
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Time >= from && e.Time < to {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	return out, nil
}

// DeleteStream removes a stream with its events.
func (s *Store) DeleteStream(groupID, stream string) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams[stream] == nil {
		return ErrNotFound
	}
	delete(g.streams, stream)
	return removeIfThere(g.file(stream))
}

// Delete removes a group with all its streams.
func (s *Store) Delete(groupID string) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.mu.Lock()
	delete(s.groups, groupID)
	s.mu.Unlock()
	clear(g.streams)
	return os.RemoveAll(g.dir)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
