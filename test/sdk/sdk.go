// Package sdk sends the calls of the Go SDK in tests that count every answer, and so may not repeat a call.
package sdk

import (
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// HTTP is a client for aws.Config with a limit on the time of a call.
//
// smithy-go 1.28 closes a request's body as soon as the answer begins, and its WriteTo then says io.EOF, which the
// transport takes for a failed write: it closes the connection under the answer. That shows where an answer of several
// reads comes before the transport has looked for the body's end, as it can on loopback; the SDK's own retries hide it.
// HTTP hides WriteTo instead.
func HTTP(timeout time.Duration) aws.HTTPClient {
	return plain{awshttp.NewBuildableClient().WithTimeout(timeout)}
}

type plain struct{ client aws.HTTPClient }

func (p plain) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return p.client.Do(req)
}
