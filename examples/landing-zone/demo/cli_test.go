package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// TestPrivilegedCLIExample runs the steps of examples/cli: a team's and again, or with TRELLIS_EVERYTHING all of them as its README has
// them: up with a VPC and a service network that are there, again without a change, another stage, another name and back, the 17
// requests, and down.
func TestPrivilegedCLIExample(t *testing.T) {
	const script = "../../cli/zone.sh"
	tried(t, func(e example) {
		if !everything {
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
			return
		}
		asBefore := e.nothingLeft()
		vpc, network := e.made()
		for _, run := range []struct {
			settings []string
			says     string
		}{
			{nil, "zone.sh up: 125 of "},
			{nil, "zone.sh up: nothing to do; "},
			{[]string{"STAGE=test"}, "zone.sh up: 9 of "},
			{[]string{"STAGE=test", "SERVICE=directory-service"}, "zone.sh up: 11 of "},
			{[]string{"STAGE=test"}, "zone.sh up: 11 of "},
		} {
			if said := e.says("", "env", append(run.settings, script, "up")...); !strings.HasPrefix(said, run.says) {
				t.Errorf("up with %v says %q, want %q", run.settings, said, run.says)
			}
		}
		e.meddles()
		if said := e.says("", "env", "STAGE=test", script, "up"); !strings.HasPrefix(said, "zone.sh up: 1 of ") {
			t.Errorf("up without the policy says %q", said)
		}
		e.holds(vpc, network)
		e.table()
		e.says("", script, "down")
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
