package soak

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"

	"trellis/test/cluster"
	"trellis/test/sdk"
)

// points is how many times a server is killed.
var points = flag.Int("points", 10, "how many times the server is killed")

// built is the program under test.
var built = flag.String("trellis", "", "the program, if it is built already")

// probeArgument, as first argument, makes this test binary ask for a URL.
const probeArgument = "trellis-soak-probe"

func TestMain(m *testing.M) {
	cluster.Member()
	if len(os.Args) > 2 && os.Args[1] == probeArgument {
		for _, url := range os.Args[2:] {
			fmt.Println(ask(url))
		}
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "trellis-soak-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	return m.Run(), nil
}

// ask says what a URL answers, in a line.
func ask(url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(fmt.Sprint(res.StatusCode, " ", string(body)), "\n", " ")
}

// scratch is this run's own directory.
var scratch string

var binary = sync.OnceValues(func() (string, error) {
	if *built != "" {
		return filepath.Abs(*built)
	}
	program := filepath.Join(scratch, "trellis")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "trellis/cmd/trellis")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program does not build: %w\n%s", err, out)
	}
	return program, nil
})

// newServer describes a server with a directory of its own.
func newServer(t *testing.T, flags ...string) *server {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{binary: program, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log"), flags: flags}
	must(t, os.Mkdir(s.temporary(), 0o700))
	return s
}

// account makes an account on the server.
func (s *server) account(t *testing.T, name string) *account {
	t.Helper()
	out, err := s.run(t.Context(), "accounts", "create", name, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Account, Profile string }
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	return s.profile(t, made.Account, made.Profile)
}

// profile is the clients of an account at this server.
func (s *server) profile(t *testing.T, id, name string) *account {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{filepath.Join(s.data, "aws-config")}), config.WithSharedCredentialsFiles(nil),
		config.WithSharedConfigProfile(name), config.WithRetryMaxAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	c.HTTPClient = sdk.HTTP(40 * time.Second)
	c.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return &account{id: id, name: name, endpoint: s.endpoint, config: c, ec2: ec2.NewFromConfig(c), lattice: vpclattice.NewFromConfig(c)}
}
