package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

// Invoke runs a function and answers with what it returned, accepts an event for it, or only says whether it could.
func (a *API) Invoke(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	if err := unbuilt([]feature{{"DurableExecutionName", in.DurableExecutionName != nil}, {"TenantId", in.TenantId != nil}}); err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	f, err := find(ctx, s, in.FunctionName, in.Qualifier, "InvokeFunction")
	if err != nil {
		return nil, err
	}
	version, _ := f.Route(f.qualifier, rand.Float64())
	c, rev, ok := state.FunctionConfigs.Lookup(s, f.ARN()+":"+version)
	if !ok {
		return nil, notFound("Function not found: %s", f.arn())
	}
	if len(in.Payload) > 0 && !json.Valid(in.Payload) {
		return nil, fault.New(fault.Invalid, "InvalidRequestContentException", "Could not parse request body into json: the payload is not valid JSON.")
	}
	hint, err := base64.StdEncoding.DecodeString(deref(in.ClientContext))
	if err != nil || len(hint) > 0 && !json.Valid(hint) {
		return nil, fault.New(fault.Invalid, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
	}
	kind := deref(in.InvocationType)
	if kind == "DryRun" {
		return &lambda.InvokeOutput{StatusCode: new(int32(204)), ExecutedVersion: &version}, nil
	}
	if err := a.ready(s, c, rev); err != nil {
		return nil, err
	}
	tail := deref(in.LogType) == "Tail"
	res, err := a.Invoker.Invoke(ctx, Invocation{Function: f.ARN(), Version: version, Invoked: f.arn(), Payload: in.Payload, Event: kind == "Event", Tail: tail,
		RequestID: caller.From(ctx).RequestID, ClientContext: string(hint)})
	if err != nil {
		return nil, err
	}
	if kind == "Event" {
		return &lambda.InvokeOutput{StatusCode: new(int32(202))}, nil
	}
	out := &lambda.InvokeOutput{StatusCode: new(int32(200)), ExecutedVersion: &version, FunctionError: optional(res.FunctionError), Payload: res.Payload}
	if tail {
		out.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	return out, nil
}

// ready refuses to run a version that the hosts cannot run, or not yet.
func (a *API) ready(s *state.Snapshot, c *function.Config, rev state.Revisions) error {
	if a.Invoker == nil {
		return fault.New(fault.Unavailable, "ServiceException", "Functions can not run here: %s", a.NoInvoker)
	}
	switch now := conditionOf(s, c, rev); now.state {
	case "Pending":
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case "Failed":
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Failed: %s", now.reason)
	}
	return nil
}
