package aws_test

import (
	"context"
	"errors"
	"testing"

	"trellis/internal/aws"
	"trellis/internal/aws/model/vpclattice"
)

// What only reads is answered while an API is not ready; what may change something waits, and does not begin where that fails.
func TestReady(t *testing.T) {
	api := latticeAPI{&recorder{}}
	asked, late := 0, errors.New("still starting")
	h, err := aws.New(aws.Config{Credentials: keyring{}, Services: []aws.Service{{Model: vpclattice.Model, API: api, Ready: func(context.Context) error {
		asked++
		return late
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Do(t.Context(), vpclattice.Model, "ListServices", &vpclattice.ListServicesInput{}); err != nil || asked > 0 {
		t.Errorf("reading: %v, and readiness was asked for %d times", err, asked)
	}
	change := &vpclattice.UntagResourceInput{ResourceArn: p("arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdef0"), TagKeys: []string{"a"}}
	if _, err := h.Do(t.Context(), vpclattice.Model, "UntagResource", change); !errors.Is(err, late) || api.in != nil {
		t.Errorf("a change before readiness: %v, and the API saw %v", err, api.in)
	}
	late = nil
	if _, err := h.Do(t.Context(), vpclattice.Model, "UntagResource", change); err != nil || api.in == nil {
		t.Errorf("a change afterwards: %v, and the API saw %v", err, api.in)
	}
}
