package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const example = "../../examples/landing-zone"

// harm happens when the demo says a line that begins with after.
type harm struct {
	after string
	do    func(context.Context) error
}

// The demo's landing zone on three members through its life: up, again without a change, changed and put right, an import, the 17
// requests, and down. The leader is killed while the stacks come up, and its successor cut off from there to the end of the requests.
func TestPrivilegedLandingZone(t *testing.T) {
	if *points <= 10 {
		t.Skip("it takes most of a minute: make soak, or -points 11")
	}
	program, err := binary()
	must(t, err)
	demo := filepath.Join(scratch, "demo")
	for _, args := range [][]string{{"run", "-trimpath", "./functions/bundle"}, {"build", "-trimpath", "-o", demo, "./demo"}} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = example, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	c, flags := startCluster(t, 3, 0)
	who := 0
	leader := func(do func(int) error) func(context.Context) error {
		return func(ctx context.Context) (err error) {
			if who, err = c.Leader(ctx); err != nil {
				return err
			}
			return do(who)
		}
	}
	harms := []harm{
		{"up common-service", leader(c.Kill)},
		{"a second run", func(context.Context) error { return c.Restart(who) }},
		{"a tag more", leader(func(i int) error { c.Cut(i); return nil })},
		{"what another hand", c.Compact},
		{"destroy green", func(context.Context) error { c.Heal(who); return nil }},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, demo, append([]string{"-project", example, "-trellis", program, "-life", "--"}, flags...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	said, out := io.Pipe()
	cmd.Stdout, cmd.Stderr = out, out
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		ended <- err
		_ = out.CloseWithError(err)
	}()
	var log bytes.Buffer
	var last string
	began := time.Now()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		last = lines.Text()
		fmt.Fprintf(&log, "%6.2f %s\n", time.Since(began).Seconds(), last)
		if len(harms) > 0 && strings.HasPrefix(last, harms[0].after) {
			if err := harms[0].do(ctx); err != nil {
				t.Error(harms[0].after, err)
				cancel()
			}
			fmt.Fprintf(&log, "%6.2f member %d: done after %q\n", time.Since(began).Seconds(), who, harms[0].after)
			harms = harms[1:]
		}
	}
	if err := <-ended; err != nil || len(harms) > 0 {
		t.Errorf("the demo: %v; %d harms were left", err, len(harms))
	}
	for _, want := range []string{"a second run without changes: 115 read, 115 same\n", "a run after all that: 115 read, 115 same\n", " 0 differences\n", "demo: 17 of 17 as expected"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", &log)
	}
	t.Log(last)
}
