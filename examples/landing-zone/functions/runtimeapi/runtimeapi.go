// Package runtimeapi is a function's side of the Lambda Runtime API: it asks for one event after the other, hands each
// to a handler and sends back what that answers. It holds no state.
package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Handler answers one event with a value that encodes as JSON.
type Handler func(ctx context.Context, event json.RawMessage) (any, error)

// Failure is an error of a certain type, as the caller of the function sees it.
type Failure struct {
	Type, Message string
}

func (f Failure) Error() string { return f.Message }

// Main serves a function until its sandbox ends it. start is the function's initialization; its error is reported as
// one, and so is a missing Runtime API.
func Main(start func() (Handler, error)) {
	if err := run(context.Background(), os.Getenv("AWS_LAMBDA_RUNTIME_API"), start); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string, start func() (Handler, error)) error {
	if address == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set: this program runs as a Lambda function")
	}
	api := client{base: "http://" + address + "/2018-06-01/runtime/", http: &http.Client{Transport: &http.Transport{}}}
	handle, err := start()
	if err != nil {
		return errors.Join(err, api.post(ctx, "init/error", failure(err)))
	}
	for {
		if err := api.serve(ctx, handle); err != nil {
			return err
		}
	}
}

type client struct {
	base string
	http *http.Client
}

// serve takes one event to its answer.
func (c client) serve(ctx context.Context, handle Handler) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"invocation/next", nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	event, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("next invocation: %s: %s", resp.Status, event)
	}
	id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
	ctx, cancel := deadline(ctx, resp.Header.Get("Lambda-Runtime-Deadline-Ms"))
	defer cancel()
	answer, err := handle(ctx, event)
	if err != nil {
		return c.post(context.WithoutCancel(ctx), "invocation/"+id+"/error", failure(err))
	}
	return c.post(context.WithoutCancel(ctx), "invocation/"+id+"/response", answer)
}

func deadline(ctx context.Context, milliseconds string) (context.Context, context.CancelFunc) {
	at, err := strconv.ParseInt(milliseconds, 10, 64)
	if err != nil {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, time.UnixMilli(at))
}

// failure is an error as the Runtime API takes it.
func failure(err error) any {
	f := Failure{Type: "Error", Message: err.Error()}
	errors.As(err, &f)
	return map[string]any{"errorType": f.Type, "errorMessage": f.Message, "stackTrace": []string{}}
}

func (c client) post(ctx context.Context, path string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, said)
	}
	return nil
}
