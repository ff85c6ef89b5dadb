package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestJavaScriptExample runs the example's program as its README does.
func TestJavaScriptExample(t *testing.T) {
	t.Parallel()
	errNoNode := errors.New("the clients in JavaScript are left out")
	npm, err := exec.LookPath("npm")
	if err != nil {
		leaveOut(t, fmt.Errorf("%w: there is no npm", errNoNode))
	}
	version, err := exec.CommandContext(t.Context(), npm, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := os.DirFS(filepath.Join("..", "examples", "javascript"))
	wanted, err := os.ReadFile(filepath.Join("..", "examples", "javascript", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := installed("javascript", append(version, wanted...), func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), wanted, 0o600); err != nil {
			return err
		}
		cmd := exec.CommandContext(t.Context(), npm, "install", "--no-audit", "--no-fund")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: npm gets no packages: %s", errNoNode, out)
		}
		return nil
	})
	if errors.Is(err, errNoNode) {
		leaveOut(t, err)
	}
	dir := filepath.Join(t.TempDir(), "javascript")
	if err := errors.Join(err, os.CopyFS(dir, source), os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	upAndDown(t, "node", filepath.Join(dir, "zone.js"))
}

// upAndDown runs a program that makes a small zone: up, what it then says to try, up with nothing to do, with another answer, with
// another name, down twice.
func upAndDown(t *testing.T, program string, args ...string) {
	s := sharedServer(t)
	a := s.account(t, "lab")
	before := a.inventory(t)
	said := s.trellis(t, "status", "--json")
	_, none := exec.LookPath("curl")
	tries := none == nil && !strings.Contains(said, `"data_plane": false`)
	const anew = "took away ServiceNetworkServiceAssociation, took away Service, made service, made listener, made service association\n"
	for _, step := range []struct{ command, says, answer string }{
		{"up", "up:   made VPC, made subnet, made service network, made service, made listener, made VPC association, made service association\n", "404\n"},
		{"up", "up:   nothing to do\n", "404\n"},
		{"up --answer 500", "up:   set answer\n", "500\n"},
		{"up --answer 500 --service other", "up:   " + anew, "500\n"},
		{"up", "up:   " + anew, "404\n"},
		{"down", "down: took away ServiceNetworkServiceAssociation, took away Service, took away ServiceNetworkVpcAssociation, took away ServiceNetwork, " +
			"took away Subnet, took away Vpc\n", ""},
		{"down", "down: nothing to do\n", ""},
	} {
		cmd := exec.CommandContext(t.Context(), program, append(args, strings.Fields(step.command)...)...)
		cmd.Env = environment("AWS_CONFIG_FILE="+s.profiles, "AWS_PROFILE="+a.name)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), step.says) {
			t.Fatalf("%s: %v\n%s%s", step.command, err, out, &said)
		}
		if step.answer == "" || !tries {
			continue
		}
		_, line, _ := strings.Cut(string(out), "\ntry: ")
		try := exec.CommandContext(t.Context(), "sh", "-c", line)
		try.Env = environment("TRELLIS_DATA="+s.data, "PATH="+filepath.Dir(s.program)+":"+os.Getenv("PATH"))
		if code, out, said := ended(t, try); code != 0 || out != step.answer {
			t.Errorf("%s: exit status %d, %q, want %q, %s", line, code, out, step.answer, said)
		}
	}
	if after := a.inventory(t); !slices.Equal(before, after) {
		t.Errorf("afterwards there is\n%s\nand was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	if !tries {
		leaveOut(t, errors.New("there is no data plane, or no curl, for what it says to try"))
	}
}
