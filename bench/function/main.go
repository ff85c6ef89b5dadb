// Command function is the Go function that the bench invokes: it answers which of its processes ran, after the milliseconds
// that the event asks for.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	err := serve("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/")
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// serve answers events until the Runtime API no longer gives any.
func serve(api string) error {
	began := fmt.Sprint(time.Now().UnixNano())
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			return err
		}
		var event struct{ Sleep int }
		err = json.NewDecoder(next.Body).Decode(&event)
		if err = errors.Join(err, finish(next)); err != nil {
			return err
		}
		time.Sleep(time.Duration(event.Sleep) * time.Millisecond)
		done, err := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", bytes.NewReader([]byte(`"`+began+`"`)))
		if err != nil {
			return err
		}
		if err := finish(done); err != nil {
			return err
		}
	}
}

// finish reads an answer to its end, so that its connection is used again.
func finish(r *http.Response) error {
	_, err := io.Copy(io.Discard, r.Body)
	return errors.Join(err, r.Body.Close())
}
