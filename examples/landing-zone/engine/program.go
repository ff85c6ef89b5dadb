package engine

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Program registers a stack's resources with the engine whose addresses it is handed, and returns once it has ended. What
// it has to say goes to log.
type Program func(ctx context.Context, info pulumi.RunInfo, log func(string)) error

// Go is a program in this process.
func Go(run pulumi.RunFunc) Program {
	return func(_ context.Context, info pulumi.RunInfo, _ func(string)) error {
		return pulumi.RunErr(run, func(own *pulumi.RunInfo) { *own = info })
	}
}

//go:embed run.py
var pythonMain string

// Python is the program in the stack's root directory, run by an interpreter that has Pulumi's SDK for Python.
func Python(interpreter string) Program {
	return func(ctx context.Context, info pulumi.RunInfo, log func(string)) error {
		config, err := json.Marshal(info.Config)
		if err != nil {
			return err
		}
		settings, err := json.Marshal(map[string]string{
			"project": info.Project, "stack": info.Stack, "root_directory": info.RootDirectory,
			"monitor": info.MonitorAddr, "engine": info.EngineAddr,
		})
		if err != nil {
			return err
		}
		// The directory is the program's own: it finds its modules and its files there.
		command := exec.CommandContext(ctx, interpreter, "-B", "-c", pythonMain, string(settings))
		command.Dir = info.RootDirectory
		command.Env = append(os.Environ(), "PULUMI_CONFIG="+string(config), "VIRTUAL_ENV="+filepath.Dir(filepath.Dir(interpreter)))
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
		command.WaitDelay = 5 * time.Second
		said, speaker := io.Pipe()
		command.Stdout, command.Stderr = speaker, speaker
		heard := make(chan string)
		go func() { heard <- listen(said, log) }()
		err = command.Run()
		last := ""
		if closed := speaker.Close(); closed == nil {
			last = <-heard
		}
		if err != nil {
			return errors.Join(fmt.Errorf("python: %w", err), lines(last))
		}
		return nil
	}
}

// listen hands on line by line what a program prints, and answers the end of it.
func listen(said io.Reader, log func(string)) string {
	const kept = 20
	var last []string
	scanner := bufio.NewScanner(said)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		log(scanner.Text())
		if last = append(last, scanner.Text()); len(last) > kept {
			last = last[1:]
		}
	}
	// A line too long to keep must not stop the program that prints it.
	if _, err := io.Copy(io.Discard, said); err != nil {
		last = append(last, err.Error())
	}
	return strings.Join(last, "\n")
}

func lines(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}
