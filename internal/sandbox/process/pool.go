//go:build linux

package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"trellis/internal/fault"
	"trellis/internal/sandbox"
)

// pool holds the instances of one revision of a function. All but its first group of fields is guarded by the Manager's lock.
type pool struct {
	fn     sandbox.Function
	choice sandbox.Choice
	// root is the path of the file system that instances get copies of.
	root string
	args []string

	status   sandbox.Status
	reserved *int
	retries  int
	idle     []*instance
	starting int
	// settling counts instances that have answered and were not released yet, waiting are those who wait for one of them.
	settling int
	waiting  []chan *instance
	retired  bool
	dropped  bool
}

// takeIdle returns the instance that was used last, so that the others may end.
func (p *pool) takeIdle() *instance {
	for len(p.idle) > 0 {
		in := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		in.timer.Stop()
		if !in.dead() {
			return in
		}
	}
	return nil
}

func (p *pool) removeIdle(in *instance) {
	if i := slices.Index(p.idle, in); i >= 0 {
		in.timer.Stop()
		p.idle = slices.Delete(p.idle, i, i+1)
	}
}

func (p *pool) stopTimers() {
	for _, in := range p.idle {
		in.timer.Stop()
	}
}

// retire ends the pool's instances, each after what it does now.
func (p *pool) retire(m *Manager) {
	p.retired = true
	for _, in := range p.idle {
		in.timer.Stop()
		in.kill()
	}
	p.idle = nil
	p.dropIfUnused(m)
}

// dropIfUnused unmounts the root of a retired pool that starts no more instances.
func (p *pool) dropIfUnused(m *Manager) {
	if !p.retired || p.starting > 0 || p.dropped || p.root == "" || m.closed {
		return
	}
	p.dropped = true
	// A root that cannot be unmounted goes with its namespace when the Manager closes.
	m.wg.Go(func() { _ = m.roots.drop(p.root) })
}

// Apply makes desired the whole of what runs here: new functions are prepared, changed ones replace their old instances,
// and others end. It returns one status for each, in order. Applying the same again changes nothing.
func (m *Manager) Apply(ctx context.Context, desired []*sandbox.Function) ([]sandbox.Status, error) {
	m.applying.Lock()
	defer m.applying.Unlock()
	wanted := make(map[string]bool)
	out := make([]sandbox.Status, 0, len(desired))
	for _, f := range desired {
		key := f.Qualified()
		if wanted[key] {
			return out, fault.New(fault.Invalid, "", "%s is desired twice", key)
		}
		wanted[key] = true
		if s, ok := m.keep(f); ok {
			out = append(out, s)
			continue
		}
		p, err := m.prepare(ctx, f)
		if err != nil {
			return out, err
		}
		if err := m.put(key, p); err != nil {
			return out, err
		}
		out = append(out, p.status)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, p := range m.pools {
		if !wanted[key] {
			delete(m.pools, key)
			p.retire(m)
		}
	}
	return out, nil
}

// keep takes up what changed without a new revision. It reports false where the function has to be prepared.
func (m *Manager) keep(f *sandbox.Function) (sandbox.Status, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pools[f.Qualified()]
	if p == nil || p.status.State == sandbox.Failed || p.status.Revision != f.Revision() {
		return sandbox.Status{}, false
	}
	p.take(f)
	return p.status, true
}

// take sets what needs no new instance.
func (p *pool) take(f *sandbox.Function) {
	p.reserved, p.retries = f.Reserved, 2
	if f.Retries != nil {
		p.retries = *f.Retries
	}
}

func (m *Manager) put(key string, p *pool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errShutdown()
	}
	if old := m.pools[key]; old != nil {
		old.retire(m)
	}
	m.pools[key] = p
	return nil
}

// Status returns the word on every function, by qualified ARN.
func (m *Manager) Status() []sandbox.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]sandbox.Status, 0, len(m.pools))
	for _, p := range m.pools {
		out = append(out, p.status)
	}
	slices.SortFunc(out, func(a, b sandbox.Status) int {
		if a.Function < b.Function {
			return -1
		}
		return 1
	})
	return out
}

// ReasonInternal is the StateReasonCode of a function that lacks something of this host, not of itself: Apply may succeed
// later.
const ReasonInternal = "InternalError"

// Other reasons why a function is Failed, among Lambda's StateReasonCodes.
const (
	reasonRuntime = "InvalidRuntime"
	reasonZip     = "InvalidZipFileException"
	reasonInvalid = "FunctionError"
)

// invokeCode returns the error code of an Invoke of a function that is Failed for a reason.
func invokeCode(reason string) string {
	switch reason {
	case reasonRuntime:
		return "InvalidRuntimeException"
	case reasonZip:
		return "InvalidZipFileException"
	}
	return "ServiceException"
}

// prepare makes all that instances of a function share. What is wrong with the function is said in the pool's status; an
// error is one of ours that ends with ctx.
func (m *Manager) prepare(ctx context.Context, f *sandbox.Function) (*pool, error) {
	p := &pool{fn: *f}
	p.take(f)
	p.status = sandbox.Status{Function: f.Qualified(), Revision: f.Revision(), State: sandbox.Active}
	code, err := m.build(ctx, p)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		return p, nil
	}
	p.status.State, p.status.ReasonCode, p.status.Reason = sandbox.Failed, code, "the function could not be prepared on this host"
	var shown *fault.Error
	if errors.As(err, &shown) && shown.Kind != fault.Internal {
		p.status.Reason = shown.Message
	}
	m.opts.Log.Warn("a function cannot run", "function", f.Qualified(), "error", err)
	return p, nil
}

// build chooses the interpreter, extracts the code and mounts the root. The code returned is one of the reasons above.
func (m *Manager) build(ctx context.Context, p *pool) (string, error) {
	f := &p.fn
	if err := f.Validate(); err != nil {
		return reasonInvalid, err
	}
	if f.Interface != "" && m.opts.Network == nil {
		return ReasonInternal, fault.New(fault.Unavailable, "", "this host has no networks to attach the function to")
	}
	var err error
	if p.choice, err = sandbox.Resolve(f.Runtime, m.interpreters(ctx, f.Runtime)); err != nil {
		return reasonRuntime, err
	}
	if p.choice.Runtime.Language != sandbox.Native {
		p.status.Interpreter = p.choice.Interpreter.String()
	}
	spec := root{prefixes: p.choice.Interpreter.Prefixes, files: map[string][]byte{"etc/resolv.conf": resolvConf(f)}}
	if spec.code, err = m.opts.Code.Tree(ctx, f.Code); err != nil {
		return codeReason(err), err
	}
	if len(f.Layers) > 0 {
		if spec.layers, err = m.opts.Code.Merged(ctx, f.Layers); err != nil {
			return codeReason(err), err
		}
	}
	p.args = command(p.choice, spec, f.MemoryMB)
	if name, text := loop(p.choice.Interpreter); name != "" {
		spec.files[name] = text
	}
	if p.root, err = m.roots.build(spec); err != nil {
		return ReasonInternal, err
	}
	return "", nil
}

// codeReason tells code that is not right from code that could not be unpacked here and now.
func codeReason(err error) string {
	var told *fault.Error
	if errors.As(err, &told) && told.Kind != fault.Internal && told.Kind != fault.Unavailable {
		return reasonZip
	}
	return ReasonInternal
}

// command returns what an instance executes, as seen inside.
func command(c sandbox.Choice, spec root, memoryMB int) []string {
	switch c.Runtime.Language {
	case sandbox.Python:
		// The loop does what site would, without the hooks of the host's packages.
		return []string{c.Interpreter.Path, "-S", pythonLoop}
	case sandbox.Node:
		// V8 has to collect before the function's memory is used up.
		return []string{c.Interpreter.Path, "--max-old-space-size=" + strconv.Itoa(memoryMB*9/10), nodeLoop}
	}
	if _, err := os.Stat(filepath.Join(spec.code, "bootstrap")); err != nil && spec.layers != "" {
		return []string{sandbox.LayerRoot + "/bootstrap"}
	}
	return []string{sandbox.TaskRoot + "/bootstrap"}
}

// interpreters looks for interpreters when a runtime first needs one. The caller holds m.applying.
func (m *Manager) interpreters(ctx context.Context, runtime string) []sandbox.Interpreter {
	rt, err := sandbox.ParseRuntime(runtime)
	if err != nil || rt.Language == sandbox.Native {
		return nil
	}
	if !m.searched {
		found := m.opts.Interpreters(ctx)
		if ctx.Err() != nil {
			return nil
		}
		m.found, m.searched = found, true
	}
	return m.found
}
