package sandbox

import (
	"slices"
	"strconv"
)

// Paths and addresses as an instance sees them.
const (
	TaskRoot    = "/var/task"
	LayerRoot   = "/opt"
	RuntimeDir  = "/var/runtime"
	RuntimeAPI  = "127.0.0.1:9001"
	APIEndpoint = "127.0.0.1:4566"
)

// Credentials are what an instance signs its own calls with.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// reserved are the variables that AWS does not let a user set, by the Lambda guide's page on environment variables.
var reserved = []string{
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID",
}

// Environment returns the variables an instance of f starts with, sorted, as NAME=value. The user's variables may replace
// those that are not reserved.
func Environment(f *Function, c Choice, logStream string, creds Credentials) []string {
	vars := map[string]string{
		"LANG": "en_US.UTF-8",
		"TZ":   ":UTC",
		"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/bin",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:" + RuntimeDir + ":" + RuntimeDir + "/lib:" + TaskRoot + ":" + TaskRoot + "/lib:" +
			LayerRoot + "/lib",
		"HOME":             "/tmp",
		"AWS_ENDPOINT_URL": "http://" + APIEndpoint,
	}
	switch c.Runtime.Language {
	case Python:
		vars["PYTHONPATH"] = RuntimeDir
	case Node:
		vars["NODE_PATH"] = LayerRoot + "/nodejs/node" + strconv.Itoa(c.Runtime.Wanted.Major) + "/node_modules:" +
			LayerRoot + "/nodejs/node_modules:" + RuntimeDir + "/node_modules"
	}
	for name, value := range f.Environment {
		if _, bad := slices.BinarySearch(reserved, name); !bad {
			vars[name] = value
		}
	}
	if c.Runtime.Language != Native {
		vars["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + c.Runtime.Name
	}
	vars["_HANDLER"] = f.Handler
	vars["AWS_REGION"], vars["AWS_DEFAULT_REGION"] = f.Region(), f.Region()
	vars["AWS_LAMBDA_FUNCTION_NAME"] = f.Name()
	vars["AWS_LAMBDA_FUNCTION_VERSION"] = f.Version
	vars["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(f.MemoryMB)
	vars["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
	vars["AWS_LAMBDA_LOG_GROUP_NAME"] = f.LogGroup
	vars["AWS_LAMBDA_LOG_STREAM_NAME"] = logStream
	vars["AWS_LAMBDA_RUNTIME_API"] = RuntimeAPI
	vars["LAMBDA_TASK_ROOT"], vars["LAMBDA_RUNTIME_DIR"] = TaskRoot, RuntimeDir
	vars["AWS_ACCESS_KEY_ID"] = creds.AccessKeyID
	vars["AWS_SECRET_ACCESS_KEY"] = creds.SecretAccessKey
	vars["AWS_SESSION_TOKEN"] = creds.SessionToken

	out := make([]string, 0, len(vars))
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}
