package function

import (
	"encoding/json"
	"slices"
	"strings"

	"trellis/internal/fault"
)

// Limits that AWS documents under "Lambda quotas".
const (
	MaxZipped       = 50 << 20
	MaxUnzipped     = 250 << 20
	MaxCodeStorage  = 75 << 30
	MaxLayers       = 5
	MaxEnvironment  = 4 << 10
	MaxMemory       = 10240
	MaxEphemeral    = 10240
	MaxTimeout      = 900
	MaxConcurrency  = 1000
	MinUnreserved   = 100
	MaxEventAge     = 21600
	DefaultMemory   = 128
	DefaultTimeout  = 3
	DefaultStorage  = 512
	DefaultRetries  = 2
	UploadableBytes = 70167211 // what a request with an archive in it may have
)

// reserved are the variables that a user cannot set, in order.
var reserved = []string{
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID",
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterValueException", format, args...)
}

// CheckEnvironment reports why a user's variables are refused.
func CheckEnvironment(vars map[string]string) error {
	const unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	var taken []string
	for name, value := range vars {
		if slices.Contains(reserved, name) {
			taken = append(taken, name)
		}
		if strings.ContainsRune(value, 0) {
			return invalid(unable+"contain a zero byte: %s", name)
		}
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return invalid(unable+"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s",
			strings.Join(taken, ", "))
	}
	measured, err := json.Marshal(vars)
	if err != nil {
		return invalid(unable + "cannot be written as JSON.")
	}
	if len(vars) > 0 && len(measured) > MaxEnvironment {
		return invalid(unable+"exceeded the 4KB limit: they measure %d bytes as JSON.", len(measured))
	}
	return nil
}

// Check reports why a configuration is refused, apart from what it refers to.
func (c *Config) Check() error {
	for _, v := range []struct {
		name               string
		value, least, most int32
	}{
		{"timeout", c.Timeout, 1, MaxTimeout},
		{"memorySize", c.Memory, DefaultMemory, MaxMemory},
		{"ephemeralStorage.size", c.Ephemeral, DefaultStorage, MaxEphemeral},
	} {
		switch {
		case v.value < v.least:
			return outOfRange(v.name, v.value, "greater", v.least)
		case v.value > v.most:
			return outOfRange(v.name, v.value, "less", v.most)
		}
	}
	if c.Runtime == "" || c.Handler == "" {
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if len(c.Layers) > MaxLayers {
		return invalid("Cannot reference more than %d layers.", MaxLayers)
	}
	named := map[string]bool{}
	for _, l := range c.Layers {
		name := l[:max(strings.LastIndexByte(l, ':'), 0)]
		if named[name] {
			return invalid("Two different versions of the same layer are not allowed to be referenced in the same function. Layer: %s", name)
		}
		named[name] = true
	}
	if (len(c.Subnets) == 0) != (len(c.Groups) == 0) {
		return invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
	}
	return CheckEnvironment(c.Environment)
}

func outOfRange(name string, value int32, way string, bound int32) error {
	return fault.New(fault.Invalid, "ValidationException",
		"1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value %s than or equal to %d", value, name, way, bound)
}
