// Command client is BlueFunction and GreenFunction: it asks the endpoint in its environment, prints what it got, and
// fails where that is no success, in the words of Python's urlopen. It holds no state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"landing-zone/functions/runtimeapi"
)

// patience is how long an answer may take.
const patience = 2 * time.Second

func main() {
	runtimeapi.Main(func() (runtimeapi.Handler, error) {
		for _, name := range []string{"BLUE_ENDPOINT", "GREEN_ENDPOINT"} {
			if endpoint := os.Getenv(name); endpoint != "" {
				return asker{endpoint, patience, os.Stdout}.handle, nil
			}
		}
		return nil, errors.New("neither BLUE_ENDPOINT nor GREEN_ENDPOINT is set")
	})
}

type asker struct {
	endpoint string
	patience time.Duration
	log      io.Writer
}

func (a asker) handle(ctx context.Context, _ json.RawMessage) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.endpoint, nil)
	if err != nil {
		return nil, runtimeapi.Failure{Type: "ValueError", Message: err.Error()}
	}
	// A connection of its own for each request, as urlopen makes: what the network lets through is asked anew.
	req.Close = true
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return nil, unreached(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, unreached(err)
	}
	fmt.Fprintf(a.log, "HTTP %s\nx-amzn-requestid: %s\n%s\n", resp.Status, resp.Header.Get("x-amzn-requestid"), body)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, runtimeapi.Failure{
			Type:    "HTTPError",
			Message: fmt.Sprintf("HTTP Error %d: %s", resp.StatusCode, http.StatusText(resp.StatusCode)),
		}
	}
	return nil, nil
}

func unreached(err error) error {
	reason := err.Error()
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		reason = "timed out"
	}
	return runtimeapi.Failure{Type: "URLError", Message: "<urlopen error " + reason + ">"}
}
