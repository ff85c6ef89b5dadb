package soak

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"trellis/internal/aws/model"
	ec2model "trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	latticemodel "trellis/internal/aws/model/vpclattice"
	"trellis/test/forge"
)

// account is a caller. Its clients never try a call again by themselves: what a call ends in is what is looked at.
type account struct {
	id, name, endpoint string
	config             aws.Config
	ec2                *ec2.Client
	lattice            *vpclattice.Client
}

// call makes a call and reads its answer. What clients try again after is an error that SDKs have for it.
func (a *account) call(ctx context.Context, api, name string, in map[string]any) (map[string]any, error) {
	m := map[string]*model.Service{"ec2": ec2model.Model, "elbv2": elbv2.Model, "iam": iam.Model, "lambda": lambda.Model, "logs": logs.Model,
		"organizations": organizations.Model, "ram": ram.Model, "vpclattice": latticemodel.Model}[api]
	if m == nil {
		return nil, fmt.Errorf("there is no API %s", api)
	}
	i := slices.IndexFunc(m.Operations, func(o model.Operation) bool { return o.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no operation %s.%s", api, name)
	}
	op := &m.Operations[i]
	raw := forge.Encode(m, op, in)
	r, err := http.NewRequestWithContext(ctx, raw.Method, a.endpoint+raw.Target, bytes.NewReader(raw.Body))
	if err != nil {
		return nil, err
	}
	r.Header = raw.Header
	credentials, err := a.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(raw.Body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), m.SigningName, a.config.Region, time.Now()); err != nil {
		return nil, err
	}
	res, err := a.config.HTTPClient.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	answer := forge.NewAnswer(res.StatusCode, res.Header, body)
	switch {
	case answer.Status >= 500:
		return nil, &smithy.GenericAPIError{Code: answer.Code, Message: name + ": " + answer.Message, Fault: smithy.FaultServer}
	case answer.Status >= 300:
		return nil, &smithy.GenericAPIError{Code: answer.Code, Message: name + ": " + answer.Message, Fault: smithy.FaultClient}
	}
	return forge.Output(m, op, answer)
}

// organization makes the accounts of a landing zone: three in one organization that shares within itself.
func (s *server) organization(t *testing.T) map[string]*account {
	t.Helper()
	management := s.account(t, "management")
	ask := func(a *account, api, name string, in map[string]any) map[string]any {
		t.Helper()
		out, err := a.call(t.Context(), api, name, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ask(management, "organizations", "CreateOrganization", map[string]any{"FeatureSet": "ALL"})
	out := map[string]*account{}
	for _, name := range []string{"common", "blue", "green"} {
		out[name] = s.account(t, name)
		invited := ask(management, "organizations", "InviteAccountToOrganization", map[string]any{"Target": map[string]any{"Type": "ACCOUNT", "Id": out[name].id}})
		ask(out[name], "organizations", "AcceptHandshake", map[string]any{"HandshakeId": forge.At(invited, "Handshake.Id")})
	}
	ask(management, "ram", "EnableSharingWithAwsOrganization", map[string]any{})
	return out
}
