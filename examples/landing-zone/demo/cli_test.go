package main

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// TestPrivilegedCLIExample runs a team's step of examples/cli, again, and takes it away. The whole of its README is run in test.
func TestPrivilegedCLIExample(t *testing.T) {
	const script = "../../cli/zone.sh"
	text, err := os.ReadFile("../../cli/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"./zone.sh team Blue", "./zone.sh down"} {
		if !strings.Contains(string(text), "\n"+command+"\n") {
			t.Errorf("the example's README has no command %q", command)
		}
	}
	tried(t, func(e example) {
		e.offer()
		asBefore := e.nothingLeft()
		e.says("", script, "team", "Blue")
		again := e.says("", script, "team", "Blue")
		if !strings.HasPrefix(again, "zone.sh team Blue: nothing to do; ") {
			t.Errorf("a second time it says %q", again)
		}
		e.asks("HTTP Error 404: Not Found")
		e.says("", script, "down", "Blue")
		asBefore()
	})
}

// offer makes what a team finds of the shared account: a network, shared with it, and in it a service that has nothing to say.
func (e example) offer() {
	e.Helper()
	config := e.config("shared-services")
	l := vpclattice.NewFromConfig(config)
	network := call(e.T, l.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("blue-service-network")})
	service := call(e.T, l.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("shared-service")})
	call(e.T, l.CreateListener, &vpclattice.CreateListenerInput{
		ServiceIdentifier: service.Id, Name: aws.String("http"), Protocol: types.ListenerProtocolHttp,
		DefaultAction: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: aws.Int32(404)}},
	})
	call(e.T, l.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{
		ServiceIdentifier: service.Id, ServiceNetworkIdentifier: network.Id,
	})
	call(e.T, ram.NewFromConfig(config).CreateResourceShare, &ram.CreateResourceShareInput{
		Name: aws.String("BlueLatticeRamShare"), ResourceArns: []string{*network.Arn}, Principals: []string{e.accounts["blue"]},
	})
}

// asks holds that the team's function, which asks the service, fails so.
func (e example) asks(want string) {
	e.Helper()
	out := call(e.T, lambda.NewFromConfig(e.config("blue")).Invoke, &lambda.InvokeInput{FunctionName: aws.String("BlueFunction")})
	if !strings.Contains(string(out.Payload), want) {
		e.Errorf("the function answers %s, want %s", out.Payload, want)
	}
}
