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

func (b *builder) function(qualified string) *sandbox.Function {
	c, ok := state.FunctionConfigs.Get(b, qualified)
	if !ok {
		return nil
	}
	f, ok := state.Functions.Get(b, c.Function)
	if !ok {
		return nil
	}
	out, err := b.version(f, c)
	if err != nil {
		b.problem(qualified, err)
		return nil
	}
	return out
}

// version is one configuration of a function.
func (b *builder) version(f *function.Function, c *function.Config) (*sandbox.Function, error) {
	out := &sandbox.Function{ARN: c.Function, Version: c.Version, Runtime: c.Runtime, Handler: c.Handler, Environment: c.Environment, Role: c.Role,
		MemoryMB: int(c.Memory), EphemeralMB: int(c.Ephemeral), Timeout: time.Duration(c.Timeout) * time.Second, LogGroup: c.LogGroup}
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
	if retries := f.Retries(c.Version); retries != nil {
		n := int(*retries)
		out.Retries = &n
	}
	if len(c.Subnets) > 0 {
		v, ok := state.VPCs.Get(b, c.VPC)
		i, has := b.functionInterface(c)
		if !ok || !has {
			return out, fmt.Errorf("the function's VPC %s or its network interface is gone", c.VPC)
		}
		out.Interface, out.Resolver = i.ID, v.Resolver()
	}
	return out, nil
}

// functionInterface returns the interface the instances of a version are behind. One address serves a whole host.
func (b *builder) functionInterface(c *function.Config) (*vpc.NetworkInterface, bool) {
	for _, subnet := range c.Subnets {
		for i := range state.Interfaces.By(b, state.ByUser, c.Function) {
			if i.Subnet == subnet && c.Serves(i) {
				return i, true
			}
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
