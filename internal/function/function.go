// Package function owns the Lambda resources: functions, their configurations, aliases, layers and permissions, and the
// rules they keep. The Lambda API writes them; the VPC Lattice API adds the permissions of its target groups. Code and layer
// archives are in package blob, under the digests named here.
package function

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Latest is the version of a function that can be changed.
const Latest = "$LATEST"

// Function is what the versions of a function have in common. Each version's configuration is a row of its own, so that its
// revisions say when it changed and whether the hosts have made it real.
type Function struct {
	vpc.Owner
	Name string  `json:"name"`
	Tags tag.Set `json:"tags,omitempty"`
	// Versions are the published ones in ascending order; NextVersion is the number of the next.
	Versions    []string `json:"versions,omitempty"`
	NextVersion int      `json:"nextVersion"`
	Aliases     []Alias  `json:"aliases,omitempty"`
	// Permissions are the statements of the resource policies, each with its qualifier ("" for the function itself).
	Permissions []Permission `json:"permissions,omitempty"`
	PolicyRev   string       `json:"policyRev,omitempty"`
	// Concurrency is the reserved concurrency, nil for none.
	Concurrency *int32 `json:"concurrency,omitempty"`
	// Async is how events are retried, by version.
	Async []Async `json:"async,omitempty"`
	// RecursiveLoop is Allow or Terminate, empty for the latter.
	RecursiveLoop string `json:"recursiveLoop,omitempty"`
}

// ARN returns the unqualified name.
func (f *Function) ARN() string { return ARN(f.Owner, f.Name) }

// ARN returns the unqualified name of a function.
func ARN(o vpc.Owner, name string) string {
	return arn.New("lambda", o.Region, o.Account, "function:"+name).String()
}

// Alias returns the alias with the name.
func (f *Function) Alias(name string) (*Alias, bool) {
	for i := range f.Aliases {
		if f.Aliases[i].Name == name {
			return &f.Aliases[i], true
		}
	}
	return nil, false
}

// Resolve returns the version that a qualifier stands for. Of an alias that is its main version.
func (f *Function) Resolve(qualifier string) (version string, ok bool) {
	if qualifier == "" || qualifier == Latest {
		return Latest, true
	}
	if slices.Contains(f.Versions, qualifier) {
		return qualifier, true
	}
	if a, ok := f.Alias(qualifier); ok {
		return a.Version, true
	}
	return "", false
}

// Route is Resolve for one invocation: an alias that shares its traffic out takes the version for point, which is at least 0
// and less than 1.
func (f *Function) Route(qualifier string, point float64) (version string, ok bool) {
	a, isAlias := f.Alias(qualifier)
	if !isAlias {
		return f.Resolve(qualifier)
	}
	for _, v := range slices.Sorted(keys(a.Weights)) {
		if point < a.Weights[v] {
			return v, true
		}
		point -= a.Weights[v]
	}
	return a.Version, true
}

// Retries returns how often a failed event of the version is tried again, nil for Lambda's default.
func (f *Function) Retries(version string) *int32 {
	for _, a := range f.Async {
		if a.Version == version {
			return a.MaxRetries
		}
	}
	return nil
}

// Config is what an instance of one version runs with.
type Config struct {
	Function     string            `json:"function"` // unqualified ARN
	Version      string            `json:"version"`  // Latest or a number
	Description  string            `json:"description,omitempty"`
	Runtime      string            `json:"runtime"`
	Handler      string            `json:"handler,omitempty"`
	Role         string            `json:"role"`      // ARN
	Timeout      int32             `json:"timeout"`   // seconds
	Memory       int32             `json:"memory"`    // MiB
	Ephemeral    int32             `json:"ephemeral"` // MiB
	Environment  map[string]string `json:"environment,omitempty"`
	Layers       []string          `json:"layers,omitempty"` // layer version ARNs
	CodeSHA256   string            `json:"codeSha256"`       // base64, as the API shows it
	CodeSize     int64             `json:"codeSize"`
	Unzipped     int64             `json:"unzipped"`
	Subnets      []string          `json:"subnets,omitempty"`
	Groups       []string          `json:"groups,omitempty"`
	VPC          string            `json:"vpc,omitempty"`
	Architecture string            `json:"architecture"`
	LogGroup     string            `json:"logGroup"`
	RevisionID   string            `json:"revisionId"`
	Modified     time.Time         `json:"modified"`
}

// Qualified returns the ARN with the version.
func (c *Config) Qualified() string { return c.Function + ":" + c.Version }

// Name returns the function's name.
func (c *Config) Name() string { return c.Function[strings.LastIndexByte(c.Function, ':')+1:] }

// Serves reports whether a network interface is one of those that the version needs.
func (c *Config) Serves(i *vpc.NetworkInterface) bool {
	return i.Type == vpc.LambdaInterface && i.User == c.Function && slices.Contains(c.Subnets, i.Subnet) && sameSet(i.Groups, c.Groups)
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// SameBehaviour reports whether two versions run the same code in the same way, whatever they are called.
func (c *Config) SameBehaviour(d *Config) bool {
	return c.Runtime == d.Runtime && c.Handler == d.Handler && c.Role == d.Role && c.Timeout == d.Timeout && c.Memory == d.Memory &&
		c.Ephemeral == d.Ephemeral && sameMap(c.Environment, d.Environment) && slices.Equal(c.Layers, d.Layers) && c.CodeSHA256 == d.CodeSHA256 &&
		sameSet(c.Subnets, d.Subnets) && sameSet(c.Groups, d.Groups) && c.Architecture == d.Architecture && c.LogGroup == d.LogGroup
}

func sameMap(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// Alias is a name for a version.
type Alias struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
	// Weights are the shares of the traffic that other versions get.
	Weights    map[string]float64 `json:"weights,omitempty"`
	RevisionID string             `json:"revisionId"`
}

// Async says how the events of one version are retried.
type Async struct {
	Version    string    `json:"version"`
	MaxRetries *int32    `json:"maxRetries,omitempty"`
	Modified   time.Time `json:"modified"`
}

// Layer is one version of a layer.
type Layer struct {
	vpc.Owner
	Name          string            `json:"name"`
	Version       int64             `json:"version"`
	Description   string            `json:"description,omitempty"`
	License       string            `json:"license,omitempty"`
	Runtimes      []string          `json:"runtimes,omitempty"`
	Architectures []string          `json:"architectures,omitempty"`
	CodeSHA256    string            `json:"codeSha256"`
	CodeSize      int64             `json:"codeSize"`
	Unzipped      int64             `json:"unzipped"`
	Created       time.Time         `json:"created"`
	Permissions   []LayerPermission `json:"permissions,omitempty"`
	PolicyRev     string            `json:"policyRev,omitempty"`
	// Deleted layers are kept: functions that use them go on, and their numbers are not used again.
	Deleted bool `json:"deleted,omitempty"`
}

// LayerARN returns the name of a layer without a version.
func LayerARN(o vpc.Owner, name string) string {
	return arn.New("lambda", o.Region, o.Account, "layer:"+name).String()
}

// ARN returns the layer's name without the version.
func (l *Layer) ARN() string { return LayerARN(l.Owner, l.Name) }

// VersionARN returns the layer version's name.
func (l *Layer) VersionARN() string { return l.ARN() + ":" + strconv.FormatInt(l.Version, 10) }
