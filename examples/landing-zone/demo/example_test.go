package main

import (
	"bytes"
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
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// example is a server for the program of an example, which brings a landing zone up on it.
type example struct {
	*testing.T
	zone.Zone
	accounts map[string]string
	// path has the Python clients before everything else.
	path string
}

// tried runs an example's life on a server of its own.
func tried(t *testing.T, life func(e example)) {
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
	e := example{T: t, Zone: zone.Zone{Server: s.CLI, Profiles: s.Profiles, Probe: "../build/probe"},
		path: filepath.Dir(python) + ":" + os.Getenv("PATH")}
	if e.accounts, err = e.Accounts(t.Context(), t.Output()); err != nil {
		t.Fatal(err)
	}
	life(e)
}

// nothingLeft holds from here to the call of what it answers that the accounts have what they had.
func (e example) nothingLeft() (asBefore func()) {
	before, err := e.Inventory(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return func() {
		after, err := e.Inventory(e.Context())
		if err != nil {
			e.Fatal(err)
		}
		if lines, _ := zone.Differences(before, after); len(lines) > 0 {
			e.Errorf("not as before:\n%s", strings.Join(lines, "\n"))
		}
	}
}

// says runs the example's program, whose last line is to be what is wanted, or anything if that is empty. It answers all that it printed.
func (e example) says(want, program string, args ...string) string {
	e.Helper()
	c := exec.CommandContext(e.Context(), program, args...)
	c.Env = append(os.Environ(), "AWS_CONFIG_FILE="+e.Profiles, "PATH="+e.path)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; err != nil || (want != "" && last != want) {
		e.Fatalf("%s: %v, says %q, want %q\n%s%s", strings.Join(c.Args, " "), err, last, want, &said, &out)
	}
	return out.String()
}

// made makes what the program is to find by its name, a VPC and a service network, and answers their ids.
func (e example) made() (vpc, network string) {
	e.Helper()
	config := e.config("shared-services")
	v := call(e.T, ec2.NewFromConfig(config).CreateVpc, &ec2.CreateVpcInput{
		CidrBlock: aws.String("10.0.0.0/16"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVpc, Tags: []ec2types.Tag{
			{Key: aws.String("Name"), Value: aws.String("SharedServicesMainVpc-" + config.Region)},
		}}},
	})
	n := call(e.T, vpclattice.NewFromConfig(config).CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("blue-service-network")})
	return *v.Vpc.VpcId, *n.Id
}

// meddles takes the service's auth policy away, as another hand may.
func (e example) meddles() {
	e.Helper()
	l := vpclattice.NewFromConfig(e.config("shared-services"))
	for _, s := range call(e.T, l.ListServices, &vpclattice.ListServicesInput{}).Items {
		call(e.T, l.DeleteAuthPolicy, &vpclattice.DeleteAuthPolicyInput{ResourceIdentifier: s.Id})
	}
}

// holds fails the test where the VPC and the service network are no longer the ones that were found, in use.
func (e example) holds(vpc, network string) {
	e.Helper()
	config := e.config("shared-services")
	subnets := call(e.T, ec2.NewFromConfig(config).DescribeSubnets, &ec2.DescribeSubnetsInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}},
	})
	joined := call(e.T, vpclattice.NewFromConfig(config).GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: &network})
	if len(subnets.Subnets) != 4 || *joined.NumberOfAssociatedVPCs != 2 {
		e.Errorf("what was there has %d subnets and %d VPCs, want 4 and 2", len(subnets.Subnets), *joined.NumberOfAssociatedVPCs)
	}
}

func (e example) config(profile string) aws.Config {
	e.Helper()
	config, err := e.Config(e.Context(), profile)
	if err != nil {
		e.Fatal(err)
	}
	return config
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
