package plan

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"trellis/internal/function"
	"trellis/internal/sandbox"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func (b *builder) functions() []sandbox.Function {
	var out []sandbox.Function
	for f := range state.Functions.All(b.Snapshot) {
		for _, c := range append([]function.Config{f.Latest}, f.Versions...) {
			one, err := b.function(f, &c)
			if err != nil {
				b.problem(f.ARN(), err)
				continue
			}
			out = append(out, one)
		}
	}
	return out
}

func (b *builder) function(f *function.Function, c *function.Config) (sandbox.Function, error) {
	out := sandbox.Function{ARN: f.ARN(), Version: c.Version, Runtime: c.Runtime, Handler: c.Handler, Environment: c.Environment, Role: c.Role,
		MemoryMB: int(c.Memory), EphemeralMB: int(c.Ephemeral), Timeout: time.Duration(c.Timeout) * time.Second, LogGroup: f.LogGroup}
	var err error
	if out.Code, err = digest(c.CodeSHA256); err != nil {
		return out, err
	}
	for _, l := range c.Layers {
		row, ok := state.Layers.Get(b, l)
		if !ok {
			return out, fmt.Errorf("layer %s does not exist", l)
		}
		d, err := digest(row.CodeSHA256)
		if err != nil {
			return out, err
		}
		out.Layers = append(out.Layers, d)
	}
	if f.Concurrency != nil {
		n := int(*f.Concurrency)
		out.Reserved = &n
	}
	if f.MaxRetries != nil {
		n := int(*f.MaxRetries)
		out.Retries = &n
	}
	if len(c.Subnets) > 0 {
		v, ok := state.VPCs.Get(b, c.VPC)
		i, has := b.functionInterface(f, c)
		if !ok || !has {
			return out, fmt.Errorf("the function's VPC %s or its network interface is gone", c.VPC)
		}
		out.Interface, out.Resolver = i.ID, v.Resolver()
	}
	return out, nil
}

// functionInterface returns the interface the instances of a version are behind. One address serves a whole host.
func (b *builder) functionInterface(f *function.Function, c *function.Config) (*vpc.NetworkInterface, bool) {
	for _, id := range f.Interfaces {
		if i, ok := state.Interfaces.Get(b, id); ok && i.VPC == c.VPC {
			return i, true
		}
	}
	return nil, false
}

// digest turns Lambda's base64 form of an archive's hash into the hexadecimal form that the blob store uses.
func digest(sha string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(sha)
	if err != nil || len(raw) != 32 {
		return "", fmt.Errorf("the code's digest %q is not a SHA-256", sha)
	}
	return hex.EncodeToString(raw), nil
}
