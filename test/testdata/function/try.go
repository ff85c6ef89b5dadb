package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// try is something that a function may attempt.
type try struct {
	// Do is what: call an API, read, write or list a path, dial an address, signal every process, start N processes, fill N MiB, or
	// say with which keys the function works.
	Do, Text string
	N        int

	API, Method, Body  string
	Key, Secret, Token string
}

// outcome is what came of it in words. An error begins with an exclamation mark.
func (t try) outcome() string {
	got, err := t.attempt()
	if err != nil {
		return "!" + err.Error()
	}
	return got
}

func (t try) attempt() (string, error) {
	switch t.Do {
	case "call":
		return t.call()
	case "keys":
		return strings.Join([]string{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}, " "), nil
	case "read":
		text, err := os.ReadFile(t.Text)
		return string(text), err
	case "write":
		return "", os.WriteFile(t.Text, []byte(t.Body), 0o600)
	case "find":
		// Every path under one that has the name.
		var found []string
		err := filepath.WalkDir(t.Text, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Name() == t.Body {
				found = append(found, path)
			}
			return nil
		})
		return strings.Join(found, " "), err
	case "processes":
		// Every process but the first, which is this one, by its number.
		entries, err := os.ReadDir("/proc")
		var others []string
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil && n != os.Getpid() {
				others = append(others, e.Name())
			}
		}
		return strings.Join(others, " "), err
	case "signal":
		return "", syscall.Kill(t.N, syscall.SIGKILL)
	case "dial":
		network := "tcp"
		if strings.HasPrefix(t.Text, "/") || strings.HasPrefix(t.Text, "@") {
			network = "unix"
		}
		c, err := net.DialTimeout(network, t.Text, 2*time.Second)
		if err != nil {
			return "", err
		}
		return "connected", c.Close()
	case "bomb":
		for i := range t.N {
			if err := exec.Command("/proc/self/exe", "one").Start(); err != nil {
				return strconv.Itoa(i), nil
			}
		}
		return strconv.Itoa(t.N), nil
	case "fill":
		held := make([][]byte, t.N)
		for i := range held {
			held[i] = bytes.Repeat([]byte{1}, 1<<20)
		}
		return strconv.Itoa(len(held)), nil
	}
	return "", fmt.Errorf("cannot do %q", t.Do)
}

// call makes a signed request of an API, at the path or with the form that the body is, and answers its status and its text.
func (t try) call() (string, error) {
	path, method := t.Text, t.Method
	if path == "" {
		path, method = "/", http.MethodPost
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, os.Getenv("AWS_ENDPOINT_URL")+path, strings.NewReader(t.Body))
	if err != nil {
		return "", err
	}
	if t.Text == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	sum := sha256.Sum256([]byte(t.Body))
	keys := aws.Credentials{AccessKeyID: t.Key, SecretAccessKey: t.Secret, SessionToken: t.Token}
	if t.Key == "" {
		keys = aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
	}
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hash, t.API, os.Getenv("AWS_REGION"), time.Now()); err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("X-Amzn-Errortype"), text), err
}
