//go:build linux

package process

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"trellis/internal/sandbox"
)

// The loops run a handler against the Runtime API. They lie beside the code, at these paths inside.
const (
	pythonLoop = sandbox.RuntimeDir + "/bootstrap.pyc"
	nodeLoop   = sandbox.RuntimeDir + "/index.mjs"
)

//go:embed loop/bootstrap.py
var pythonText []byte

//go:embed loop/index.mjs
var nodeText []byte

func loop(in sandbox.Interpreter) (name string, text []byte) {
	switch in.Language {
	case sandbox.Python:
		return pythonLoop, in.Loop
	case sandbox.Node:
		return nodeLoop, nodeText
	}
	return "", nil
}

// Each language's programs say where they really are: what is on the PATH may be a wrapper. Python's compile the loop, whose text they are
// given, since every instance would do so again. The header of what is compiled says that no source is looked for, and so does the name in it:
// Pythons before 3.10 read what is named to show the lines of a stack, and fail of what is no text.
const (
	askPython = `import base64, importlib.util, json, marshal, os, platform, sys
loop = importlib.util.MAGIC_NUMBER + b"\1" + bytes(11) + marshal.dumps(compile(sys.stdin.buffer.read(), "<bootstrap>", "exec"))
print(json.dumps({"version": platform.python_version(), "path": os.path.realpath(sys.executable),
	"prefixes": [os.path.realpath(p) for p in (sys.base_prefix, sys.base_exec_prefix)], "loop": base64.b64encode(loop).decode()}))`
	askNode = `console.log(JSON.stringify({version: process.version, path: require("fs").realpathSync(process.execPath), prefixes: []}))`
)

// FindInterpreters returns the interpreters on this host that functions can be given. One that lies beside something private,
// such as right in a home or in one of the directories named, is left out.
func FindInterpreters(ctx context.Context, private ...string) []sandbox.Interpreter {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	home, _ := os.UserHomeDir()
	if root, err := user.LookupId("0"); err == nil {
		private = append(private, root.HomeDir)
	}
	private = append(private, home, "/home", "/etc", "/var", "/tmp", "/run", "/proc", "/sys", "/dev")

	type candidate struct {
		language sandbox.Language
		path     string
	}
	var candidates []candidate
	add := func(l sandbox.Language, dir, pattern string) {
		// The patterns are ours and well formed.
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, p := range paths {
			if base := filepath.Base(p); l == sandbox.Node || base == "python3" || strings.Trim(base, "python.0123456789") == "" {
				candidates = append(candidates, candidate{l, p})
			}
		}
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, dir := range append(dirs, "/usr/local/bin", "/usr/bin", filepath.Join(home, ".pyenv/versions/*/bin"), filepath.Join(home, ".nvm/versions/node/*/bin")) {
		if dir == "" {
			continue
		}
		add(sandbox.Python, dir, "python3*")
		add(sandbox.Node, dir, "node")
	}
	// Several names often lead to one program: it is asked once.
	byTarget := make(map[string]candidate)
	for _, c := range candidates {
		if target, err := filepath.EvalSymlinks(c.path); err == nil {
			byTarget[target] = c
		}
	}

	var (
		mu    sync.Mutex
		found []sandbox.Interpreter
		wg    sync.WaitGroup
		slots = make(chan struct{}, 4)
	)
	for _, c := range byTarget {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			in, ok := ask(ctx, c.language, c.path)
			if !ok || !safe(&in, private) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.ContainsFunc(found, func(o sandbox.Interpreter) bool { return o.Path == in.Path }) {
				found = append(found, in)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b sandbox.Interpreter) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// ask runs an interpreter to learn its version and place.
func ask(ctx context.Context, l sandbox.Language, path string) (sandbox.Interpreter, bool) {
	args := []string{"-I", "-c", askPython}
	if l == sandbox.Node {
		args = []string{"-e", askNode}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = bytes.NewReader(pythonText)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return sandbox.Interpreter{}, false
	}
	var said struct {
		Version, Path string
		Prefixes      []string
		Loop          []byte
	}
	if json.Unmarshal(out, &said) != nil || !filepath.IsAbs(said.Path) {
		return sandbox.Interpreter{}, false
	}
	v, err := sandbox.ParseVersion(strings.TrimRight(said.Version, "+"))
	if err != nil {
		return sandbox.Interpreter{}, false
	}
	return sandbox.Interpreter{Language: l, Version: v, Path: said.Path, Prefixes: said.Prefixes, Loop: said.Loop}, true
}

// safe completes the prefixes with the program itself, leaves out what functions see anyway, and reports whether the rest may
// be shown to them.
func safe(in *sandbox.Interpreter, private []string) bool {
	var need []string
	for _, p := range append(in.Prefixes, in.Path) {
		if within(p, "/usr") || slices.ContainsFunc(need, func(n string) bool { return within(p, n) }) {
			continue
		}
		for _, secret := range private {
			if secret != "" && within(secret, p) {
				return false
			}
		}
		need = append(need, p)
	}
	in.Prefixes = need
	return true
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
