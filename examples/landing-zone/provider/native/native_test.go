package native

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// control is a Cloud Control whose operations take two looks to end and fail as a test scripts it.
type control struct {
	mu      sync.Mutex
	looks   int
	fail    []string
	gone    bool
	calls   []string
	desired string
	patch   string
	pending map[string]any
}

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.calls = append(c.calls, operation)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var in struct{ TypeName, Identifier, DesiredState, PatchDocument, RequestToken string }
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	const arn = "arn:aws:vpc-lattice:eu-west-1:333333333333:servicenetwork/sn-1"
	answer := map[string]any{}
	begin := func() {
		c.looks = 0
		c.pending = map[string]any{"TypeName": in.TypeName, "Identifier": arn, "RequestToken": "token", "OperationStatus": "IN_PROGRESS"}
		answer["ProgressEvent"] = c.pending
	}
	switch operation {
	case "CreateResource":
		c.desired = in.DesiredState
		begin()
	case "UpdateResource":
		c.patch = in.PatchDocument
		begin()
	case "DeleteResource":
		begin()
	case "GetResourceRequestStatus":
		if c.looks++; c.looks == 2 {
			c.pending["OperationStatus"] = "SUCCESS"
			if len(c.fail) > 0 {
				c.pending["OperationStatus"], c.pending["ErrorCode"], c.pending["StatusMessage"] = "FAILED", c.fail[0], "as scripted"
				c.fail = c.fail[1:]
			}
		}
		answer["ProgressEvent"] = c.pending
	case "GetResource":
		if c.gone {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
			break
		}
		answer["ResourceDescription"] = map[string]any{"Identifier": arn,
			"Properties": `{"Arn":"` + arn + `","Id":"sn-1","ServiceId":"svc-1","DnsEntry":{"DomainName":"name.example"},"Tags":[{"Key":"a","Value":"b"}]}`}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func provider(t *testing.T, c *control) *Provider {
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return New(awssdk.Config{
		Region:       "eu-west-1",
		BaseEndpoint: awssdk.String(server.URL),
		Credentials: awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
			return awssdk.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	})
}

func TestCreate(t *testing.T) {
	c := &control{}
	made, err := provider(t, c).Create(t.Context(), "aws-native:vpclattice:ServiceNetwork", "Network", engine.Properties{
		"authType": "NONE", "tags": []any{engine.Properties{"key": "a", "value": "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:vpc-lattice:eu-west-1:333333333333:servicenetwork/sn-1"
	want := engine.Made{ID: arn, Outputs: engine.Properties{
		"arn": arn, "awsId": "sn-1", "serviceId": "svc-1", "dnsEntry": engine.Properties{"domainName": "name.example"},
		"tags": []any{engine.Properties{"key": "a", "value": "b"}},
	}}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := `{"AuthType":"NONE","Tags":[{"Key":"a","Value":"b"}]}`; c.desired != want {
		t.Errorf("desired state %s, want %s", c.desired, want)
	}
	calls := []string{"CreateResource", "GetResourceRequestStatus", "GetResourceRequestStatus", "GetResource"}
	if diff := cmp.Diff(calls, c.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAFailureKeepsTheIdentifier(t *testing.T) {
	c := &control{fail: []string{"NotStabilized"}}
	made, err := provider(t, c).Create(t.Context(), "aws-native:vpclattice:Service", "Service", engine.Properties{})
	if err == nil || err.Error() != "NotStabilized: as scripted" || made.ID == "" {
		t.Errorf("made %v, error %v", made, err)
	}
}

func TestAPolicyIsADocument(t *testing.T) {
	c := &control{}
	document := engine.Properties{"Version": "2012-10-17", "lower": engine.Properties{"vpc-lattice-svcs:RequestMethod": "GET"}}
	_, err := provider(t, c).Create(t.Context(), "aws-native:vpclattice:AuthPolicy", "Policy", engine.Properties{
		"policy": document, "resourceIdentifier": "svc-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Policy":{"Version":"2012-10-17","lower":{"vpc-lattice-svcs:RequestMethod":"GET"}},"ResourceIdentifier":"svc-1"}`
	if c.desired != want {
		t.Errorf("desired state %s, want %s", c.desired, want)
	}
}

func TestUpdate(t *testing.T) {
	c := &control{}
	p := provider(t, c)
	old := engine.Properties{"name": "n", "authType": "NONE", "tags": []any{}}
	new := engine.Properties{"name": "n", "authType": "AWS_IAM", "sharingConfig": engine.Properties{"enabled": true}}
	const typ = "aws-native:vpclattice:ServiceNetwork"
	if change := p.Compare(typ, old, new); change != engine.Update {
		t.Errorf("change %v", change)
	}
	if _, err := p.Update(t.Context(), engine.Existing{Type: typ, ID: "id", Inputs: old}, new); err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/AuthType","value":"AWS_IAM"},` +
		`{"op":"add","path":"/SharingConfig","value":{"Enabled":true}},{"op":"remove","path":"/Tags"}]`
	if c.patch != want {
		t.Errorf("patch %s, want %s", c.patch, want)
	}
	if change := p.Compare(typ, old, engine.Properties{"name": "other", "authType": "NONE", "tags": []any{}}); change != engine.Replace {
		t.Errorf("change of a create-only property: %v", change)
	}
}

func TestRead(t *testing.T) {
	const arn = "arn:aws:vpc-lattice:eu-west-1:333333333333:servicenetwork/sn-1"
	for _, test := range []struct {
		typ          string
		inputs, want engine.Properties
	}{
		{"ServiceNetwork", engine.Properties{"tags": []any{engine.Properties{"key": "a", "value": "c"}}, "authType": "NONE"},
			engine.Properties{"tags": []any{engine.Properties{"key": "a", "value": "b"}}}},
		{"ServiceNetwork", engine.Properties{"dnsEntry": engine.Properties{}}, engine.Properties{"dnsEntry": engine.Properties{}}},
		{"Listener", engine.Properties{"serviceIdentifier": "arn:aws:vpc-lattice:eu-west-1:333333333333:service/svc-1"},
			engine.Properties{"serviceIdentifier": "arn:aws:vpc-lattice:eu-west-1:333333333333:service/svc-1"}},
		{"Listener", engine.Properties{"serviceIdentifier": "svc-2"}, engine.Properties{"serviceIdentifier": "svc-1"}},
	} {
		got, outputs, err := provider(t, &control{}).Read(t.Context(), engine.Existing{Type: "aws-native:vpclattice:" + test.typ, ID: arn, Inputs: test.inputs})
		if err != nil || outputs["arn"] != arn {
			t.Fatalf("%v, %v", outputs, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.inputs, diff)
		}
	}
	_, _, err := provider(t, &control{gone: true}).Read(t.Context(), engine.Existing{Type: "aws-native:vpclattice:Service", ID: arn})
	if !errors.Is(err, engine.ErrGone) {
		t.Errorf("what is gone: %v", err)
	}
}

func TestDelete(t *testing.T) {
	for _, test := range []struct {
		fail []string
		asks int
		err  string
	}{
		{nil, 1, ""},
		{[]string{"NotFound"}, 1, ""},
		{[]string{"ResourceConflict", "Throttling"}, 3, ""},
		{[]string{"AccessDenied"}, 1, "AccessDenied: as scripted"},
	} {
		c := &control{fail: test.fail}
		err := provider(t, c).Delete(t.Context(), engine.Existing{Type: "aws-native:vpclattice:Service", ID: "id"})
		var got string
		if err != nil {
			got = err.Error()
		}
		asks := 0
		for _, call := range c.calls {
			if call == "DeleteResource" {
				asks++
			}
		}
		if got != test.err || asks != test.asks {
			t.Errorf("%v: error %q after %d deletions, want %q after %d", test.fail, got, asks, test.err, test.asks)
		}
	}
}
