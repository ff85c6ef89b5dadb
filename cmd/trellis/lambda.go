package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"runtime"
	"time"

	"trellis/internal/access"
	lambdaapi "trellis/internal/api/lambda"
	"trellis/internal/blob"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
)

// lambdaPorts are what the Lambda API works with.
func lambdaPorts(control *access.Control, plane *dataPlane) lambdaapi.Ports {
	p := lambdaapi.Ports{Archives: plane.blobs, Access: control, NoInvoker: plane.why, Architecture: architecture(), Now: time.Now}
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
		Event: inv.Event, RequestID: inv.RequestID, ClientContext: inv.ClientContext})
	if err != nil {
		return lambdaapi.Outcome{}, err
	}
	return lambdaapi.Outcome{FunctionError: res.FunctionError, Payload: res.Payload, LogTail: res.LogTail}, nil
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
		use := blob.Use{Code: archiveDigest(c.CodeSHA256)}
		for _, name := range c.Layers {
			if l, ok := state.Layers.Get(s, name); ok {
				use.Layers = append(use.Layers, archiveDigest(l.CodeSHA256))
			}
		}
		out = append(out, use)
	}
	for l := range state.Layers.All(s) {
		if !l.Deleted {
			out = append(out, blob.Use{Code: archiveDigest(l.CodeSHA256)})
		}
	}
	return out
}

// archiveDigest turns the hash that Lambda shows into an archive's name in the store.
func archiveDigest(sha string) string {
	raw, err := base64.StdEncoding.DecodeString(sha)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}
