package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"landing-zone/demo/server"
	"landing-zone/demo/zone"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// TestPrivilegedCLIExample runs the steps of examples/cli: a team's, or with TRELLIS_EVERYTHING all of them and the 17 requests.
func TestPrivilegedCLIExample(t *testing.T) {
	t.Parallel()
	python := environment(t, "../../../test/boto3/requirements.txt")
	program := programs(t)
	dir := t.TempDir()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := server.Start(t.Context(), program, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	z := zone.Zone{Server: s.CLI, Profiles: s.Profiles, Probe: "../build/probe"}
	accounts, err := z.Accounts(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if !everything {
		offer(t, z, accounts["blue"])
	}
	before, err := z.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "../../cli/zone.sh", args...)
		c.Env = append(os.Environ(), "AWS_CONFIG_FILE="+s.Profiles, "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("zone.sh %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if everything {
		steps("up")
		rows, err := z.Table(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, row := range rows {
			if !row.AsExpected {
				t.Errorf("%s, %s: %s, want %s: %s", row.From, row.Request, row.Got, row.Expected, row.Why)
			}
		}
		steps("down")
	} else {
		steps("team", "Blue")
		asks(t, z, "HTTP Error 404: Not Found")
		steps("down", "Blue")
	}
	after, err := z.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if lines, _ := zone.Differences(before, after); len(lines) > 0 {
		t.Errorf("not as before:\n%s", strings.Join(lines, "\n"))
	}
}

// offer makes what a team finds of the shared account: a network, shared with it, and in it a service that has nothing to say.
func offer(t *testing.T, z zone.Zone, team string) {
	t.Helper()
	config, err := z.Config(t.Context(), "shared-services")
	if err != nil {
		t.Fatal(err)
	}
	l := vpclattice.NewFromConfig(config)
	network := call(t, l.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("blue-service-network")})
	service := call(t, l.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("shared-service")})
	call(t, l.CreateListener, &vpclattice.CreateListenerInput{
		ServiceIdentifier: service.Id, Name: aws.String("http"), Protocol: types.ListenerProtocolHttp,
		DefaultAction: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: aws.Int32(404)}},
	})
	call(t, l.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{
		ServiceIdentifier: service.Id, ServiceNetworkIdentifier: network.Id,
	})
	call(t, ram.NewFromConfig(config).CreateResourceShare, &ram.CreateResourceShareInput{
		Name: aws.String("BlueLatticeRamShare"), ResourceArns: []string{*network.Arn}, Principals: []string{team},
	})
}

// asks holds that the team's function, which asks the service, fails so.
func asks(t *testing.T, z zone.Zone, want string) {
	t.Helper()
	config, err := z.Config(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	out := call(t, lambda.NewFromConfig(config).Invoke, &lambda.InvokeInput{FunctionName: aws.String("BlueFunction")})
	if !strings.Contains(string(out.Payload), want) {
		t.Errorf("the function answers %s, want %s", out.Payload, want)
	}
}

// call fails the test where the operation does.
func call[In, Out, Options any](t *testing.T, operation func(context.Context, *In, ...func(*Options)) (*Out, error), in *In) *Out {
	t.Helper()
	out, err := operation(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
