package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// record is one resource of the state.
type record struct {
	URN          string     `json:"urn"`
	Type         string     `json:"type"`
	Name         string     `json:"name"`
	Parent       string     `json:"parent"`
	Provider     string     `json:"provider"`
	Dependencies []string   `json:"dependencies"`
	ID           string     `json:"id"`
	Inputs       Properties `json:"inputs"`
	Outputs      Properties `json:"outputs"`
	// Unfinished resources exist, or may, but were not made all the way.
	Unfinished bool `json:"unfinished,omitempty"`
}

func (r record) existing() Existing {
	return Existing{Type: r.Type, Name: r.Name, ID: r.ID, Inputs: r.Inputs, Outputs: r.Outputs}
}

// needs are the resources that must outlive this one.
func (r record) needs() []string {
	needs := slices.Clone(r.Dependencies)
	if !slices.Contains(needs, r.Parent) {
		needs = append(needs, r.Parent)
	}
	return needs
}

type snapshot struct {
	Resources map[string]record `json:"resources"`
	Exports   Properties        `json:"exports"`
}

// state is the state file, held under a lock while a run uses it.
type state struct {
	path string
	lock *os.File

	mu      sync.Mutex
	current snapshot
	changes int

	// writing orders the writers of the file: one that finds its change written by an earlier one is done.
	writing sync.Mutex
	written int

	reporting sync.Mutex
}

func openState(path string) (*state, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("state %s is in use by another run: %w", path, err), lock.Close())
	}
	s := &state{path: path, lock: lock, current: snapshot{Resources: map[string]record{}}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s.current)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state %s: %w", path, err), lock.Close())
	}
	if s.current.Resources == nil {
		s.current.Resources = map[string]record{}
	}
	return s, nil
}

func (s *state) close() { s.lock.Close() }

func (s *state) get(urn string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.current.Resources[urn]
	return r, ok
}

func (s *state) put(r record) error {
	return s.change(func(c *snapshot) { c.Resources[r.URN] = r })
}

// rename moves a resource that is in the state under another URN, and all that names it, to a URN of now.
func (s *state) rename(from, to string) (record, bool, error) {
	if _, ok := s.get(from); !ok {
		return record{}, false, nil
	}
	err := s.change(func(c *snapshot) {
		r := c.Resources[from]
		delete(c.Resources, from)
		r.URN = to
		c.Resources[to] = r
		for urn, other := range c.Resources {
			if other.Parent == from {
				other.Parent = to
			}
			other.Dependencies = slices.Clone(other.Dependencies)
			for i, on := range other.Dependencies {
				if on == from {
					other.Dependencies[i] = to
				}
			}
			c.Resources[urn] = other
		}
	})
	r, ok := s.get(to)
	return r, ok, err
}

func (s *state) remove(urn string) error {
	return s.change(func(c *snapshot) { delete(c.Resources, urn) })
}

func (s *state) setExports(exports Properties) error {
	return s.change(func(c *snapshot) { c.Exports = exports })
}

// without is every resource but the given ones.
func (s *state) without(urns map[string]bool) map[string]record {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := map[string]record{}
	for urn, r := range s.current.Resources {
		if !urns[urn] {
			rest[urn] = r
		}
	}
	return rest
}

// withDependents is a resource and all that cannot outlive it, but for what this run has met already: a resource
// that still depended on this one would be waiting for it.
func (s *state) withDependents(urn string, met map[string]bool) map[string]record {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := map[string]record{urn: s.current.Resources[urn]}
	for grown := true; grown; {
		grown = false
		for candidate, r := range s.current.Resources {
			if _, in := set[candidate]; in || met[candidate] {
				continue
			}
			if slices.ContainsFunc(r.needs(), func(on string) bool { _, in := set[on]; return in }) {
				set[candidate], grown = r, true
			}
		}
	}
	return set
}

// change alters the state and returns once the file says so.
func (s *state) change(alter func(*snapshot)) error {
	s.mu.Lock()
	alter(&s.current)
	s.changes++
	mine := s.changes
	s.mu.Unlock()

	s.writing.Lock()
	defer s.writing.Unlock()
	if s.written >= mine {
		return nil
	}
	s.mu.Lock()
	data, err := json.MarshalIndent(s.current, "", " ")
	latest := s.changes
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, data); err != nil {
		return err
	}
	s.written = latest
	return nil
}

// replaceFile puts data in the place of the file, readable by its owner alone, whole or not at all.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// equal compares values as the state file would hold them.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// alike compares values as equal does, but for the order of lists: a provider shows them in its own.
func alike(a, b any) bool { return equal(unordered(a), unordered(b)) }

// shown is a property as the state file would hold it.
func shown(of Properties, name string) string {
	value, ok := of[name]
	if !ok {
		return "absent"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func unordered(value any) any {
	switch v := value.(type) {
	case []any:
		texts := make([]string, 0, len(v))
		for _, element := range v {
			text, err := json.Marshal(unordered(element))
			if err != nil {
				return value
			}
			texts = append(texts, string(text))
		}
		slices.Sort(texts)
		return texts
	case Properties:
		object := Properties{}
		for key, element := range v {
			object[key] = unordered(element)
		}
		return object
	}
	return value
}

func equalRecords(a, b record) bool { return equal(a, b) }
