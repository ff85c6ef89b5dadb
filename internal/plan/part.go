package plan

import (
	"slices"

	"trellis/internal/ordered"
	"trellis/internal/state"
)

// part is something compiled, with what it was compiled from: rows and sets, by their marks, and other parts. A change of
// any of that spoils it, and everything made of it; what nothing spoils stays the pointer it is.
type part struct {
	marks    []state.Mark
	needs    []*part
	users    map[*part]struct{}
	problems []problem
	spoiled  bool
	// forget takes the part out of its kind.
	forget func()
}

type problem struct {
	id  string
	err error
}

// made is a part with what it came to, nil for nothing.
type made[T any] struct {
	part
	value *T
}

// kind is the parts of one sort, by the key of the row each begins with.
type kind[T any] struct {
	compile func(b *builder, key string) *T
	// name is what the parts are listed in order of; without one there is no list.
	name  func(*T) string
	parts map[string]*made[T]
	list  []*T
	// fresh is what of the list is out of date, gone the keys of parts that were spoiled.
	fresh map[string]*T
	gone  map[string]struct{}
}

func newKind[T any](compile func(*builder, string) *T, name func(*T) string) *kind[T] {
	return &kind[T]{compile: compile, name: name, parts: map[string]*made[T]{}, fresh: map[string]*T{}, gone: map[string]struct{}{}}
}

// get returns the part with the key, compiled if need be.
func (k *kind[T]) get(c *Compiler, key string) *made[T] {
	if m := k.parts[key]; m != nil {
		return m
	}
	m := &made[T]{}
	b := &builder{Reading: &state.Reading{Snapshot: c.at}, c: c, part: &m.part}
	m.value = k.compile(b, key)
	slices.Sort(b.Marks)
	m.marks = slices.Clone(slices.Compact(b.Marks))
	for _, mark := range m.marks {
		c.readers[mark] = append(c.readers[mark], &m.part)
	}
	if len(m.problems) > 0 {
		c.faulty[&m.part] = struct{}{}
	}
	m.forget = func() {
		delete(k.parts, key)
		k.gone[key] = struct{}{}
		if m.value != nil && k.name != nil {
			k.fresh[k.name(m.value)] = nil
		}
	}
	k.parts[key] = m
	if m.value != nil && k.name != nil {
		k.fresh[k.name(m.value)] = m.value
	}
	return m
}

// settle brings the list up to date.
func (k *kind[T]) settle() []*T {
	k.list = ordered.With(k.list, k.name, k.fresh)
	clear(k.fresh)
	clear(k.gone)
	return k.list
}

// use returns a part that the one being compiled is made of.
func use[T any](b *builder, k *kind[T], key string) *T {
	m := k.get(b.c, key)
	if _, known := m.users[b.part]; !known {
		if m.users == nil {
			m.users = map[*part]struct{}{}
		}
		m.users[b.part] = struct{}{}
		b.part.needs = append(b.part.needs, &m.part)
	}
	return m.value
}

// begin compiles the parts that begin with rows of the table and are not there, or no longer. A row without a key begins none.
func begin[T, R any](c *Compiler, k *kind[T], t *state.Table[R], keyOf func(*R) string, changes state.Changes) {
	if changes.Everything {
		for row := range t.All(c.at) {
			if key := keyOf(row); key != "" {
				k.get(c, key)
			}
		}
		return
	}
	again := func(key string) {
		if row, ok := t.Get(c.at, key); ok && keyOf(row) != "" {
			k.get(c, key)
		}
	}
	for key := range t.Touched(changes) {
		again(key)
	}
	for key := range k.gone {
		again(key)
	}
}

// spoil takes out a part and all that is made of it.
func (c *Compiler) spoil(p *part) {
	if p.spoiled {
		return
	}
	p.spoiled = true
	p.forget()
	delete(c.faulty, p)
	for _, m := range p.marks {
		rest := slices.DeleteFunc(c.readers[m], func(r *part) bool { return r == p })
		if c.readers[m] = rest; len(rest) == 0 {
			delete(c.readers, m)
		}
	}
	for _, need := range p.needs {
		if delete(need.users, p); len(need.users) == 0 {
			c.idle = append(c.idle, need)
		}
	}
	for user := range p.users {
		c.spoil(user)
	}
}

// tidy takes out what nothing is made of any more.
func (c *Compiler) tidy() {
	for len(c.idle) > 0 {
		p := c.idle[len(c.idle)-1]
		if c.idle = c.idle[:len(c.idle)-1]; len(p.users) == 0 {
			c.spoil(p)
		}
	}
	c.idle = nil
}
