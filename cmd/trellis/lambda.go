package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"trellis/internal/access"
	lambdaapi "trellis/internal/api/lambda"
	"trellis/internal/arn"
	"trellis/internal/blob"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
)

// lambdaPorts are what the Lambda API works with.
func lambdaPorts(control *access.Control, plane *dataPlane) lambdaapi.Ports {
	p := lambdaapi.Ports{Archives: plane.blobs, Links: plane.links, Access: control, NoInvoker: plane.why, Architecture: architecture(), Now: time.Now}
	if plane.functions != nil {
		p.Invoker = functionInvoker{plane.functions}
	}
	return p
}

// architecture is this machine's, as Lambda names it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// functionInvoker lets the Lambda API run functions.
type functionInvoker struct{ functions *process.Manager }

func (i functionInvoker) Invoke(ctx context.Context, inv lambdaapi.Invocation) (lambdaapi.Outcome, error) {
	res, err := i.functions.Invoke(ctx, sandbox.Invocation{ARN: inv.Function, Version: inv.Version, InvokedARN: inv.Invoked, Payload: inv.Payload,
		Event: inv.Event, Tail: inv.Tail, RequestID: inv.RequestID, ClientContext: inv.ClientContext})
	if err != nil {
		return lambdaapi.Outcome{}, err
	}
	return lambdaapi.Outcome{FunctionError: res.FunctionError, Payload: res.Payload, LogTail: res.LogTail}, nil
}

// targetInvoker lets the proxy run functions that are targets.
type targetInvoker struct {
	functions *process.Manager
	view      *state.View
}

// Invoke asks the function's policy first: the target group's service must be let in for it, as when it was registered.
func (i targetInvoker) Invoke(ctx context.Context, targetGroupARN, functionARN string, event []byte) ([]byte, string, error) {
	name, qualifier := function.Split(functionARN)
	group, err := arn.Parse(targetGroupARN)
	if err != nil {
		return nil, "", err
	}
	f, ok := state.Functions.Get(i.view.Snapshot(), name)
	if !ok {
		return nil, "", fault.New(fault.NotFound, "ResourceNotFoundException", "Function not found: %s", functionARN)
	}
	if service := group.Service + ".amazonaws.com"; !function.Allows(f, qualifier, "lambda:InvokeFunction", service, targetGroupARN, group.Account) {
		return nil, "", fault.New(fault.Denied, "AccessDeniedException", "The policy of %s does not let %s invoke it for %s", functionARN, service, targetGroupARN)
	}
	version, ok := f.Route(qualifier, rand.Float64())
	if !ok {
		return nil, "", fault.New(fault.NotFound, "ResourceNotFoundException", "Function not found: %s", functionARN)
	}
	res, err := i.functions.Invoke(ctx, sandbox.Invocation{ARN: name, Version: version, InvokedARN: functionARN, Payload: append([]byte{}, event...)})
	if err != nil {
		return nil, "", err
	}
	return res.Payload, res.FunctionError, nil
}

// Archives are looked through so often, and kept for so long after nothing uses them any more.
const (
	pruneEvery = 10 * time.Minute
	pruneGrace = 10 * time.Minute
)

// pruneCode removes archives that no function and no layer has.
func pruneCode(ctx context.Context, view *state.View, blobs *blob.Store, log *slog.Logger) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := blobs.Prune(codeUses(view.Snapshot()), pruneGrace); err != nil {
			log.Error("archives that nothing uses could not all be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// codeUses lists the archives in use. A deleted layer's is, while a function has it.
func codeUses(s *state.Snapshot) []blob.Use {
	var out []blob.Use
	for c := range state.FunctionConfigs.All(s) {
		use := blob.Use{Code: blob.Digest(c.CodeSHA256)}
		for _, name := range c.Layers {
			if l, ok := state.Layers.Get(s, name); ok {
				use.Layers = append(use.Layers, blob.Digest(l.CodeSHA256))
			}
		}
		out = append(out, use)
	}
	for l := range state.Layers.All(s) {
		if !l.Deleted {
			out = append(out, blob.Use{Code: blob.Digest(l.CodeSHA256)})
		}
	}
	return out
}
