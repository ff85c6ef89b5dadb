// Package function owns the Lambda resources: functions, versions, aliases, layers and permissions. The Lambda API writes
// them; code and layer archives are in package blob, under the digests named here.
package function

import (
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Function is a function with its newest configuration, $LATEST.
type Function struct {
	vpc.Owner
	Name   string  `json:"name"`
	Tags   tag.Set `json:"tags,omitempty"`
	Latest Config  `json:"latest"`
	// Versions are the published ones in ascending order; NextVersion is the number of the next.
	Versions    []Config `json:"versions,omitempty"`
	NextVersion int      `json:"nextVersion"`
	Aliases     []Alias  `json:"aliases,omitempty"`
	// Permissions is the resource policy's statements, by qualifier ("" for the function itself).
	Permissions []Permission `json:"permissions,omitempty"`
	PolicyRev   string       `json:"policyRev,omitempty"`
	// Concurrency is the reserved concurrency, nil for none.
	Concurrency *int32 `json:"concurrency,omitempty"`
	// Interfaces are the network interfaces of the VPC configuration, one for each of its subnets.
	Interfaces []string `json:"interfaces,omitempty"`
	// Async invocation settings.
	MaxRetries  *int32 `json:"maxRetries,omitempty"`
	MaxEventAge *int32 `json:"maxEventAge,omitempty"` // seconds
	LogGroup    string `json:"logGroup"`
}

// ARN returns the unqualified name.
func (f *Function) ARN() string {
	return arn.New("lambda", f.Region, f.Account, "function:"+f.Name).String()
}

// Config is what an instance of one version runs with.
type Config struct {
	Version      string            `json:"version"` // $LATEST or a number
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
	Subnets      []string          `json:"subnets,omitempty"`
	Groups       []string          `json:"groups,omitempty"`
	VPC          string            `json:"vpc,omitempty"`
	Architecture string            `json:"architecture"`
	RevisionID   string            `json:"revisionId"`
	Modified     time.Time         `json:"modified"`
	Tracing      string            `json:"tracing,omitempty"`
	LogFormat    string            `json:"logFormat,omitempty"`
}

// Alias is a name for a version.
type Alias struct {
	Name        string             `json:"name"`
	Version     string             `json:"version"`
	Description string             `json:"description,omitempty"`
	Weights     map[string]float64 `json:"weights,omitempty"`
	RevisionID  string             `json:"revisionId"`
}

// Permission is one statement of a function's resource policy.
type Permission struct {
	Qualifier     string `json:"qualifier,omitempty"`
	StatementID   string `json:"statementId"`
	Action        string `json:"action"`
	Principal     string `json:"principal"` // a service, an account, an ARN or *
	SourceARN     string `json:"sourceArn,omitempty"`
	SourceAccount string `json:"sourceAccount,omitempty"`
	OrgID         string `json:"orgId,omitempty"`
}

// Layer is one version of a layer.
type Layer struct {
	vpc.Owner
	Name          string    `json:"name"`
	Version       int64     `json:"version"`
	Description   string    `json:"description,omitempty"`
	License       string    `json:"license,omitempty"`
	Runtimes      []string  `json:"runtimes,omitempty"`
	Architectures []string  `json:"architectures,omitempty"`
	CodeSHA256    string    `json:"codeSha256"`
	CodeSize      int64     `json:"codeSize"`
	Created       time.Time `json:"created"`
	Deleted       bool      `json:"deleted,omitempty"` // kept so that its number is not used again
}

// ARN returns the layer's name without the version.
func (l *Layer) ARN() string { return arn.New("lambda", l.Region, l.Account, "layer:"+l.Name).String() }

// Split cuts a function's ARN into the unqualified ARN and the qualifier, which is empty where there is none.
func Split(functionARN string) (name, qualifier string) {
	at := 0
	for range 7 {
		i := strings.IndexByte(functionARN[at:], ':')
		if i < 0 {
			return functionARN, ""
		}
		at += i + 1
	}
	return functionARN[:at-1], functionARN[at:]
}
