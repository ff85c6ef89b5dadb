package lambda

import (
	"slices"
	"time"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
)

// Words for the state of a function that is not settled.
const (
	creating      = "Creating"
	beingCreated  = "The function is being created."
	internalError = "InternalError"
)

// condition is how far the hosts are with a version.
type condition struct {
	state, reason, code          string
	update, updateReason, upCode string
}

// conditionOf asks the hosts' status, whose ids are the version's ARN and those of its network interfaces.
func conditionOf(s *state.Snapshot, c *function.Config, rev state.Revisions) condition {
	made, _ := state.Realised(s, rev.Created, "")
	done, failure := state.Realised(s, rev.Modified, c.Qualified())
	if failure == "" && len(c.Subnets) > 0 {
		for i := range state.Interfaces.By(s, state.ByUser, c.Function) {
			if c.Serves(i) && failure == "" {
				_, failure = state.Realised(s, rev.Modified, i.ID)
			}
		}
	}
	out := condition{state: "Active", update: "Successful"}
	changed := rev.Modified != rev.Created
	switch {
	case !made:
		out.state, out.reason, out.code = "Pending", beingCreated, creating
	case done && failure != "":
		out.state, out.reason, out.code = "Failed", failure, internalError
		if changed {
			out.update, out.updateReason, out.upCode = "Failed", failure, internalError
		}
	}
	if changed && !done {
		// Lambda words an update like this too.
		out.update, out.updateReason, out.upCode = "InProgress", beingCreated, creating
	}
	return out
}

// settled refuses to change a version that the hosts are not done with.
func settled(s *state.Snapshot, c *function.Config, rev state.Revisions) error {
	now := conditionOf(s, c, rev)
	switch {
	case now.state == "Pending":
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case now.update == "InProgress":
		return conflict("The operation cannot be performed at this time. An update is in progress for resource: %s", c.Function)
	}
	return nil
}

// stamp writes a time as Lambda does.
func stamp(t time.Time) *string { return new(t.UTC().Format("2006-01-02T15:04:05.000-0700")) }

// show describes a version. The ARN is the one it was asked by.
func show(s *state.Snapshot, c *function.Config, rev state.Revisions, functionARN string) lambda.FunctionConfiguration {
	out := summary(s, c, functionARN)
	now := conditionOf(s, c, rev)
	out.State, out.StateReason, out.StateReasonCode = &now.state, optional(now.reason), optional(now.code)
	out.LastUpdateStatus, out.LastUpdateStatusReason, out.LastUpdateStatusReasonCode = &now.update, optional(now.updateReason), optional(now.upCode)
	return out
}

// summary describes a version without its state.
func summary(s *state.Snapshot, c *function.Config, functionARN string) lambda.FunctionConfiguration {
	out := lambda.FunctionConfiguration{
		FunctionName: new(c.Name()), FunctionArn: &functionARN, Runtime: &c.Runtime, Role: &c.Role, Handler: &c.Handler,
		CodeSize: &c.CodeSize, Description: &c.Description, Timeout: &c.Timeout, MemorySize: &c.Memory, LastModified: stamp(c.Modified),
		CodeSha256: &c.CodeSHA256, Version: &c.Version, RevisionId: &c.RevisionID, PackageType: new("Zip"), Architectures: []string{c.Architecture},
		TracingConfig: &lambda.TracingConfigResponse{Mode: new("PassThrough")}, EphemeralStorage: &lambda.EphemeralStorage{Size: &c.Ephemeral},
		SnapStart:     &lambda.SnapStartResponse{ApplyOn: new("None"), OptimizationStatus: new("Off")},
		LoggingConfig: &lambda.LoggingConfig{LogFormat: new("Text"), LogGroup: &c.LogGroup},
	}
	if len(c.Environment) > 0 {
		out.Environment = &lambda.EnvironmentResponse{Variables: c.Environment}
	}
	if c.VPC != "" {
		out.VpcConfig = &lambda.VpcConfigResponse{SubnetIds: c.Subnets, SecurityGroupIds: c.Groups, VpcId: &c.VPC, Ipv6AllowedForDualStack: new(false)}
	}
	for _, name := range c.Layers {
		l := lambda.Layer{Arn: new(name)}
		if row, ok := state.Layers.Get(s, name); ok {
			l.CodeSize = &row.CodeSize
		}
		out.Layers = append(out.Layers, l)
	}
	return out
}

// answer describes a version after it was written, in the state it now has.
func (a *API) answer(functionARN, version string, qualified bool) (lambda.FunctionConfiguration, error) {
	s := a.view.Snapshot()
	c, rev, ok := state.FunctionConfigs.Lookup(s, functionARN+":"+version)
	if !ok {
		return lambda.FunctionConfiguration{}, notFound("Function not found: %s:%s", functionARN, version)
	}
	name := functionARN
	if qualified {
		name = c.Qualified()
	}
	return show(s, c, rev, name), nil
}

// versions returns the configurations of a function, $LATEST first and the published ones in order.
func versions(r state.Reader, f *function.Function) []*function.Config {
	out := make([]*function.Config, 0, len(f.Versions)+1)
	for _, v := range slices.Concat([]string{function.Latest}, f.Versions) {
		if c, ok := state.FunctionConfigs.Get(r, f.ARN()+":"+v); ok {
			out = append(out, c)
		}
	}
	return out
}
