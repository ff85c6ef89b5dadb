// Command function is a Lambda function of the tests: the bootstrap of a custom runtime. It answers an event with what the event
// asks for - who it is to AWS, an error, what came of attempts to get where it should not - and else with the event itself, as a
// load balancer wants it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if len(os.Args) > 1 {
		time.Sleep(time.Hour) // one of a bomb
	}
	for {
		if err := next("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// next answers one invocation.
func next(api string) error {
	got, err := http.Get(api + "next")
	if err != nil {
		return err
	}
	defer got.Body.Close()
	event, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	fmt.Printf("asked %s\n", event)
	kind := "response"
	out, err := handle(event)
	if err != nil {
		kind, out = "error", map[string]any{"errorType": "Refused", "errorMessage": err.Error()}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	res, err := http.Post(api+got.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/"+kind, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func handle(event []byte) (any, error) {
	var in struct {
		Do    string
		Tries []try
	}
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	switch in.Do {
	case "whoami":
		c, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			return nil, err
		}
		who, err := sts.NewFromConfig(c).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, err
		}
		return map[string]any{"arn": who.Arn, "word": os.Getenv("WORD")}, nil
	case "try":
		out := make([]string, len(in.Tries))
		var all sync.WaitGroup
		for i, t := range in.Tries {
			all.Go(func() { out[i] = t.outcome() })
		}
		all.Wait()
		return out, nil
	case "fail":
		return nil, fmt.Errorf("told to fail")
	}
	return map[string]any{"statusCode": 200, "statusDescription": "200 OK", "headers": map[string]string{"Content-Type": "application/json"}, "body": string(event)}, nil
}
