// Package journal keeps log events: append-only files, one for each stream, in one directory for each log group. A file
// begins with a head in JSON, and has a line for each event. The Store is the only writer of its directory. What a crash left
// half-written at the end of a file is cut off.
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
	Time     int64
	Ingested int64
	Message  string
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
	files  files
	mu     sync.Mutex
	groups map[string]*group
}

type group struct {
	mu      sync.RWMutex
	dir     string
	streams map[string]*stream
	lines   []byte // memory for what is appended
}

type stream struct {
	Stream
	file string
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
	g := &group{dir: filepath.Join(s.dir, id), streams: map[string]*stream{}}
	files, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		file := filepath.Join(g.dir, f.Name())
		st, err := load(file)
		if err != nil {
			return nil, err
		}
		if st != nil {
			g.streams[st.Name] = &stream{*st, file}
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
		if e, ok := parseLine(line[:len(line)-1]); ok {
			st.add(&e)
		}
	}
}

func (st *Stream) add(e *Event) {
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
func (s *Store) Create(groupID, name string, now int64) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams[name] != nil {
		return ErrExists
	}
	st := &stream{Stream{Name: name, Created: now}, g.file(name)}
	if err := st.begin(); err != nil {
		return err
	}
	g.streams[name] = st
	return nil
}

// begin makes the stream's file, with its head.
func (st *stream) begin() error {
	line, err := json.Marshal(head{st.Name, st.Created})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(st.file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(st.file, append(line, '\n'), 0o600); err != nil {
		return errors.Join(err, removeIfThere(st.file))
	}
	return nil
}

// maxLines is the memory a group keeps between appends.
const maxLines = 1 << 20

// Append adds events to a stream: all of them or, where the disk is about to be full, none. A file that somebody removed is
// made anew. The events' messages are not kept.
func (s *Store) Append(groupID, name string, events []Event) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	if err := disk.Room(s.dir, disk.ForLogs); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.streams[name]
	if st == nil {
		return ErrNotFound
	}
	lines := g.lines[:0]
	for i := range events {
		lines = appendLine(lines, &events[i])
	}
	if g.lines = lines; cap(lines) > maxLines {
		g.lines = nil
	}
	f, size, err := s.open(st)
	if err != nil {
		return err
	}
	if _, err := f.Write(lines); err != nil {
		return errors.Join(err, f.Truncate(size), f.Close())
	}
	s.files.put(st.file, f)
	for i := range events {
		st.add(&events[i])
	}
	return nil
}

// open returns the stream's file and its size.
func (s *Store) open(st *stream) (*os.File, int64, error) {
	if f := s.files.take(st.file); f != nil {
		if size, linked, err := describe(f); err == nil && linked {
			return f, size, nil
		}
		_ = f.Close()
	}
	f, err := os.OpenFile(st.file, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := st.begin(); err != nil {
			return nil, 0, err
		}
		st.Stream = Stream{Name: st.Name, Created: st.Created}
		f, err = os.OpenFile(st.file, os.O_WRONLY|os.O_APPEND, 0)
	}
	if err != nil {
		return nil, 0, err
	}
	size, _, err := describe(f)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
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
		out = append(out, st.Stream)
	}
	slices.SortFunc(out, func(a, b Stream) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Read returns the events of a stream with from <= Time < to, in order of time; events of one time stay as written.
func (s *Store) Read(groupID, name string, from, to int64) ([]Event, error) {
	g, err := s.group(groupID)
	if err != nil {
		return nil, err
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	st := g.streams[name]
	if st == nil {
		return nil, ErrNotFound
	}
	raw, err := os.ReadFile(st.file)
	if err != nil {
		return nil, err
	}
	_, raw, _ = bytes.Cut(raw, []byte{'\n'})
	var out []Event
	for line := range bytes.Lines(raw) {
		if e, ok := parseLine(bytes.TrimSuffix(line, []byte{'\n'})); ok && e.Time >= from && e.Time < to {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	return out, nil
}

// DeleteStream removes a stream with its events.
func (s *Store) DeleteStream(groupID, name string) error {
	g, err := s.group(groupID)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.streams[name]
	if st == nil {
		return ErrNotFound
	}
	delete(g.streams, name)
	return errors.Join(s.files.forget(st.file), removeIfThere(st.file))
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
	var errs []error
	for _, st := range g.streams {
		errs = append(errs, s.files.forget(st.file))
	}
	clear(g.streams)
	return errors.Join(append(errs, os.RemoveAll(g.dir))...)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
