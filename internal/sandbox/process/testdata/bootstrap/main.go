// Command bootstrap is the function of the tests: it does what its event tells it to, and answers with what came of it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type event struct {
	Do   string
	Text string
	N    int
	Args []uintptr
}

var (
	api   = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	calls int
	ticks atomic.Int64
	hoard [][]byte
)

func main() {
	if len(os.Args) > 1 {
		time.Sleep(time.Minute)
		return
	}
	switch os.Getenv("INIT") {
	case "fail":
		post("init/error", []byte(`{"errorType":"Bad.Init","errorMessage":"as told"}`))
		os.Exit(1)
	case "exit":
		os.Exit(7)
	}
	for {
		resp, err := http.Get(api + "invocation/next")
		if err != nil {
			fmt.Println("next:", err)
			os.Exit(1)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		calls++
		var e event
		json.Unmarshal(body, &e)
		out, err := do(e, resp.Header)
		if err != nil {
			text, _ := json.Marshal(map[string]string{"errorType": "Test.Error", "errorMessage": err.Error()})
			post("invocation/"+id+"/error", text)
			continue
		}
		text, _ := json.Marshal(out)
		post("invocation/"+id+"/response", text)
		if e.Do == "linger" {
			time.Sleep(time.Duration(e.N) * time.Millisecond)
		}
	}
}

func post(path string, body []byte) {
	resp, err := http.Post(api+path, "application/json", bytes.NewReader(body))
	if err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func do(e event, h http.Header) (any, error) {
	switch e.Do {
	case "echo":
		return e.Text, nil
	case "calls", "linger":
		return calls, nil
	case "header":
		return h.Get(e.Text), nil
	case "env":
		return os.Getenv(e.Text), nil
	case "self":
		host, _ := os.Hostname()
		return fmt.Sprint(os.Getpid(), os.Getuid(), os.Getgid(), host), nil
	case "read":
		data, err := os.ReadFile(e.Text)
		return string(data), err
	case "list":
		entries, err := os.ReadDir(e.Text)
		var names []string
		for _, x := range entries {
			names = append(names, x.Name())
		}
		return strings.Join(names, " "), err
	case "write":
		f, err := os.OpenFile(e.Text, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		chunk := make([]byte, 1<<20)
		for left := e.N; left > 0; left -= len(chunk) {
			if _, err := f.Write(chunk[:min(left, len(chunk))]); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case "print":
		fmt.Print(e.Text)
		return nil, nil
	case "flood":
		for i := range e.N {
			fmt.Println("line", i, strings.Repeat("x", 1000))
		}
		return nil, nil
	case "sleep":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		return "slept", nil
	case "exit":
		os.Exit(e.N)
	case "panic":
		panic("as told")
	case "fail":
		return nil, fmt.Errorf("%s", e.Text)
	case "big":
		return strings.Repeat("x", e.N), nil
	case "tick":
		go func() {
			for range time.Tick(time.Millisecond) {
				ticks.Add(1)
			}
		}()
		return nil, nil
	case "ticks":
		return ticks.Load(), nil
	case "alloc":
		for range e.N {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			hoard = append(hoard, b)
			time.Sleep(time.Millisecond)
		}
		return nil, nil
	case "syscall":
		for len(e.Args) < 6 {
			e.Args = append(e.Args, 0)
		}
		_, _, errno := syscall.RawSyscall6(uintptr(e.N), e.Args[0], e.Args[1], e.Args[2], e.Args[3], e.Args[4], e.Args[5])
		if errno == 0 {
			return "allowed", nil
		}
		return errno.Error(), nil
	case "dial":
		c, err := net.DialTimeout("tcp", e.Text, time.Second)
		if err != nil {
			return nil, err
		}
		return "connected", c.Close()
	case "get":
		resp, err := http.Get(e.Text)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return string(data), err
	case "bomb":
		started := 0
		for range e.N {
			c := exec.Command("/proc/self/exe", "child")
			if c.Start() != nil {
				break
			}
			started++
		}
		return started, nil
	}
	return nil, fmt.Errorf("cannot do %q", e.Do)
}
