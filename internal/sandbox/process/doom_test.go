//go:build linux

package process

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"trellis/internal/blob"
	"trellis/internal/sandbox"
)

const envDoomed = "TRELLIS_TEST_DOOMED"

// doomedServer runs one function in the directory the variable names, prints the instance's processes and waits to be killed.
func doomedServer() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir := os.Getenv(envDoomed)
	store, err := blob.Open(dir)
	if err != nil {
		return fail(err)
	}
	archive, err := os.Open(dir + "/code.zip")
	if err != nil {
		return fail(err)
	}
	info, err := store.Put(context.Background(), archive, 1<<30)
	if err != nil {
		return fail(err)
	}
	m, err := New(Options{Dir: dir + "/sandbox", Code: store, Logs: &memoryLog{lines: make(map[string][]string)}, Credentials: fixedCredentials{}})
	if err != nil {
		return fail(err)
	}
	f := sandbox.Function{ARN: "arn:aws:lambda:us-east-1:111111111111:function:doomed", Version: sandbox.Latest, Runtime: "provided.al2023", Code: info.Digest,
		MemoryMB: 512, EphemeralMB: 512, Timeout: 10 * time.Second}
	if _, err := m.Apply(context.Background(), []*sandbox.Function{&f}); err != nil {
		return fail(err)
	}
	res, err := m.Invoke(context.Background(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(`{"Do":"bomb","N":2}`)})
	if err != nil || string(res.Payload) != "2" {
		return fail(fmt.Errorf("%s: %w", res.Payload, err))
	}
	m.mu.Lock()
	for in := range m.all {
		fmt.Println(strings.Trim(fmt.Sprint(family(in.process.Pid)), "[]"))
	}
	m.mu.Unlock()
	time.Sleep(time.Minute)
	return 0
}

func TestPrivilegedKilledServer(t *testing.T) {
	privileged(t)
	text, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/code.zip", zipped{"bootstrap": string(text)}.bytes(t), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envDoomed+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	pids := strings.Fields(line)
	if err != nil || len(pids) != 3 {
		t.Fatalf("%q, %v: %s", line, err, &stderr)
	}
	for _, s := range pids {
		pid, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "process "+s+" gone", func() bool {
			state := processState(pid)
			return state == "gone" || state == "Z"
		})
	}
	if left, _ := os.ReadDir(dir + "/sandbox"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
