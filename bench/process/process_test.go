package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestTalk(t *testing.T) {
	p, err := Start(Program{Path: "cat", Core: 0, Talk: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p.In, "hello\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	if err != nil || line != "hello\n" {
		t.Errorf("%q %v", line, err)
	}
	u, err := p.Usage()
	if err != nil || u.Resident <= 0 || len(u.PIDs) != 1 || u.PIDs[0] != p.PID() {
		t.Errorf("%+v %v", u, err)
	}
	m, err := p.Memory()
	if err != nil || m.Resident <= 0 || m.Files > m.Resident {
		t.Errorf("%+v %v", m, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := p.Usage(); err == nil {
		t.Error("it still runs")
	}
}

func TestOthersAreNotOurs(t *testing.T) {
	p, err := Start(Program{Path: "cat", Core: Any, Talk: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	now, err := OthersNow()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{os.Getpid(), p.PID()} {
		if threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)); err != nil || len(threads) == 0 || now[threads[0]] != (ran{}) {
			t.Errorf("threads %v of %d are others: %v", threads, pid, err)
		}
	}
	from, to := Others{"a": {time: 5, times: 1}, "b": {time: 7, times: 7}}, Others{"a": {time: 9, times: 5}, "b": {time: 13, times: 9}, "c": {times: 1}}
	if _, at := to.Longest(from); at != 3 {
		t.Errorf("the longest had a core for %d at a time, want 3", at)
	}
}

func TestStopEndsWhatOnlyTells(t *testing.T) {
	p, err := Start(Program{Path: "sleep", Args: []string{"60"}, Core: Any, Tell: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	<-p.Done()
}

func TestUsageCountsDescendants(t *testing.T) {
	u, err := UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(Program{Path: "cat", Core: Any, Talk: true})
	if err != nil {
		t.Fatal(err)
	}
	more, err := UsageOf(os.Getpid())
	if err != nil || len(more.PIDs) <= len(u.PIDs) {
		t.Errorf("%d processes, then %d: %v", len(u.PIDs), len(more.PIDs), err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestThisMachine(t *testing.T) {
	m, err := ThisMachine()
	if err != nil || m.Cores < 1 || m.Memory <= 0 || m.System == "" {
		t.Errorf("%+v %v", m, err)
	}
}
