package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"landing-zone/engine"
	"landing-zone/functions/wheels"
	"landing-zone/resource/ec2"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestImport(t *testing.T) {
	f := newFake()
	f.alive["vpc-1"] = engine.Existing{Type: "aws:ec2/vpc:Vpc", Name: "found", ID: "vpc-1", Inputs: engine.Properties{"cidrBlock": "10.0.0.0/16", "tags": engine.Properties{"Tag": "old"}}}
	var events []string
	s := stack(t, f, program{}, &events)
	adopt := func(cidr, tag string) engine.Program {
		return engine.Go(func(ctx *pulumi.Context) error {
			_, err := ec2.NewVpc(ctx, "vpc", ec2.VpcArgs{CidrBlock: pulumi.String(cidr), Tags: pulumi.StringMap{"Tag": pulumi.String(tag)}}, pulumi.Import(pulumi.ID("vpc-1")))
			return err
		})
	}
	s.Program = adopt("10.1.0.0/16", "old")
	if _, err := s.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "cidrBlock differs") {
		t.Fatalf("what is otherwise was taken over: %v", err)
	}
	events = nil
	s.Program = adopt("10.0.0.0/16", "old")
	up(t, s)
	up(t, s)
	if want := []string{"import vpc", "same vpc"}; !slices.Equal(events, want) {
		t.Errorf("reported %q, want %q", events, want)
	}
	if err := s.Destroy(t.Context()); err != nil || len(f.alive) != 0 {
		t.Errorf("after destroy %v, %v", f.alive, err)
	}
}

func TestAnAliasIsTheSameResource(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", subnets: []string{"one"}}, nil)
	up(t, s)
	f.calls = nil
	s.Program = engine.Go(func(ctx *pulumi.Context) error {
		old := pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("vpc")}})
		vpc, err := ec2.NewVpc(ctx, "network", ec2.VpcArgs{CidrBlock: pulumi.String("10.0.0.0/16"), Tags: pulumi.StringMap{"Tag": pulumi.String("")}}, old)
		if err != nil {
			return err
		}
		_, err = ec2.NewSubnet(ctx, "one", ec2.SubnetArgs{VpcId: vpc.ID(), CidrBlock: pulumi.String("one"), AvailabilityZone: pulumi.String("a")}, pulumi.Parent(vpc))
		return err
	})
	up(t, s)
	if len(f.calls) != 0 {
		t.Errorf("called %q", f.calls)
	}
}

// python answers an interpreter with Pulumi's own SDKs.
func python(t *testing.T) string {
	t.Helper()
	interpreter, err := wheels.Environment(t.Context(), filepath.Join("..", "..", "pulumi-python", "requirements.txt"))
	if errors.Is(err, wheels.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return interpreter
}

func TestAProgramInPython(t *testing.T) {
	interpreter := python(t)
	f := newFake()
	var events []string
	s := stack(t, f, program{}, &events)
	s.Config = map[string]string{"project:range": "10.0.0.0/16"}
	s.Program = engine.Python(interpreter)
	var said []string
	s.Log = func(line string) { said = append(said, line) }
	write := func(source string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.Root, "__main__.py"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const zone = `
from pulumi import Config, FileArchive, ResourceOptions, export
from pulumi_aws import ec2, get_availability_zones, lambda_
vpc = ec2.Vpc("vpc", cidr_block=Config().require("range"), enable_dns_support=True, tags={"Tag": "one"})
for zone in get_availability_zones(state="available").names:
    ec2.Subnet(zone, vpc_id=vpc.id, availability_zone=zone, opts=ResourceOptions(parent=vpc))
lambda_.LayerVersion("layer", layer_name="layer", code=FileArchive("code"), opts=ResourceOptions(depends_on=[vpc]))
export("vpc", vpc.arn)
print("declared")
`
	if err := os.Mkdir(filepath.Join(s.Root, "code"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(zone)
	if diff := cmp.Diff(engine.Properties{"vpc": "arn:vpc-1"}, up(t, s)); diff != "" {
		t.Errorf("exports (-want +got):\n%s", diff)
	}
	if !slices.Contains(said, "declared") {
		t.Errorf("the program said %q", said)
	}
	for _, r := range f.alive {
		if r.Name == "a" && r.Inputs["vpcId"] != "vpc-1" {
			t.Errorf("the subnet's inputs are %v", r.Inputs)
		}
		if _, ok := r.Inputs["code"].(*engine.Archive); r.Name == "layer" && !ok {
			t.Errorf("the layer's code is a %T", r.Inputs["code"])
		}
	}
	before(t, f.calls, "create vpc", "create layer")
	f.calls, events = nil, nil
	up(t, s)
	slices.Sort(events)
	if len(f.calls) != 0 || !slices.Equal(events, []string{"same a", "same b", "same layer", "same vpc"}) {
		t.Errorf("a second up called %q and reported %q", f.calls, events)
	}
	write(zone + "raise ValueError('no more')\n")
	if _, err := s.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("a program that fails: %v", err)
	}
	f.broken["create broken"] = errors.New("not today")
	write("from pulumi_aws import ec2\nec2.Vpc('broken')\n")
	if _, err := s.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("a resource that fails: %v", err)
	}
	if err := s.Destroy(t.Context()); err != nil || len(f.alive) != 0 {
		t.Errorf("after destroy %v, %v", f.alive, err)
	}
}
