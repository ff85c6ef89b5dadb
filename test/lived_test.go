package test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	cctypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/smithy-go/middleware"
)

// live records a step that a resource has been taken through, and how.
func live(how, typ string, steps ...string) {
	for _, step := range steps {
		shared.lived.Store(how+" "+typ+" "+step, true)
	}
}

// livedBy reads which steps resource types have been taken through in a way, and shows them as a mark.
func livedBy(t *testing.T, how, mark string) lives {
	t.Helper()
	text, err := os.ReadFile(lived)
	if err != nil {
		t.Fatal(err)
	}
	l := lives{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == how {
			l.add(f[1], mark, f[2])
		}
	}
	return l
}

// watched are clients of Cloud Control whose answers are recorded.
func watched(o *cloudcontrol.Options) {
	// What a request changes, by its token.
	var changes sync.Map
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("lives", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if asked, ok := in.Parameters.(*cloudcontrol.UpdateResourceInput); ok {
				switch code(err) {
				case "NotUpdatableException", "UnsupportedActionException":
					live("cloudcontrol", aws.ToString(asked.TypeName), "replace")
				}
			}
			if err != nil {
				return out, metadata, err
			}
			var event *cctypes.ProgressEvent
			switch answer := out.Result.(type) {
			case *cloudcontrol.GetResourceOutput:
				live("cloudcontrol", aws.ToString(answer.TypeName), "read", "import")
			case *cloudcontrol.ListResourcesOutput:
				if len(answer.ResourceDescriptions) > 0 {
					live("cloudcontrol", aws.ToString(answer.TypeName), "list")
				}
			case *cloudcontrol.CreateResourceOutput:
				event = answer.ProgressEvent
			case *cloudcontrol.UpdateResourceOutput:
				event = answer.ProgressEvent
				changes.Store(aws.ToString(event.RequestToken), patched(aws.ToString(in.Parameters.(*cloudcontrol.UpdateResourceInput).PatchDocument)))
			case *cloudcontrol.DeleteResourceOutput:
				event = answer.ProgressEvent
			case *cloudcontrol.GetResourceRequestStatusOutput:
				event = answer.ProgressEvent
			}
			if event == nil || event.OperationStatus != cctypes.OperationStatusSuccess {
				return out, metadata, err
			}
			did := []string{strings.ToLower(string(event.Operation))}
			if event.Operation == cctypes.OperationUpdate {
				what, _ := changes.Load(aws.ToString(event.RequestToken))
				did, _ = what.([]string)
			}
			live("cloudcontrol", aws.ToString(event.TypeName), did...)
			return out, metadata, err
		}), middleware.Before)
	})
}

// patched says whether a patch changes tags, or anything else.
func patched(document string) (did []string) {
	var operations []struct{ Path string }
	if json.Unmarshal([]byte(document), &operations) != nil {
		return nil
	}
	for _, o := range operations {
		if strings.HasPrefix(o.Path, "/Tags") {
			did = append(did, "tag")
		} else {
			did = append(did, "update")
		}
	}
	return did
}
