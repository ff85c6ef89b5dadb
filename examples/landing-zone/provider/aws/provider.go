// Package aws is the engine's provider for Pulumi's `aws` package: for every resource type of the stacks the calls,
// checks and waits of pulumi-aws, made with the AWS SDK. It holds clients and no state.
package aws

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Provider is one account and region.
type Provider struct {
	region string
	kinds  map[string]kind

	ec2    *ec2.Client
	elb    *elasticloadbalancingv2.Client
	iam    *iam.Client
	lambda *lambda.Client
	ram    *ram.Client
	sts    *sts.Client
}

// kind is how resources of one type are made, changed and removed. An input no update covers makes a replacement.
type kind struct {
	create  func(ctx context.Context, name string, in engine.Properties) (engine.Made, error)
	delete  func(ctx context.Context, r engine.Existing) error
	updates []update
	// read answers all that a resource shows, or engine.ErrGone.
	read func(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error)
	// defaults are inputs as they are where the program says nothing of them; computed ones are then whatever AWS made them, and
	// unseen ones no call shows.
	defaults         engine.Properties
	computed, unseen []string
}

// update changes some inputs in place.
type update struct {
	inputs []string
	apply  func(ctx context.Context, old engine.Existing, in engine.Properties) error
}

// New is the provider for an SDK configuration.
func New(config awssdk.Config) *Provider {
	p := &Provider{
		region: config.Region,
		ec2:    ec2.NewFromConfig(config),
		elb:    elasticloadbalancingv2.NewFromConfig(config),
		iam:    iam.NewFromConfig(config),
		lambda: lambda.NewFromConfig(config),
		ram:    ram.NewFromConfig(config),
		sts:    sts.NewFromConfig(config),
	}
	p.kinds = map[string]kind{
		"aws:ec2/vpc:Vpc":                                           p.vpcKind(),
		"aws:ec2/subnet:Subnet":                                     p.subnetKind(),
		"aws:ec2/internetGateway:InternetGateway":                   p.internetGatewayKind(),
		"aws:ec2/vpcPeeringConnection:VpcPeeringConnection":         p.peeringKind(),
		"aws:ec2/peeringConnectionOptions:PeeringConnectionOptions": p.peeringOptionsKind(),
		"aws:ec2/routeTable:RouteTable":                             p.routeTableKind(),
		"aws:ec2/routeTableAssociation:RouteTableAssociation":       p.routeTableAssociationKind(),
		"aws:ec2/route:Route":                                       p.routeKind(),
		"aws:ec2/securityGroup:SecurityGroup":                       p.securityGroupKind(),
		"aws:lb/loadBalancer:LoadBalancer":                          p.loadBalancerKind(),
		"aws:lb/targetGroup:TargetGroup":                            p.targetGroupKind(),
		"aws:lb/listener:Listener":                                  p.listenerKind(),
		"aws:lb/targetGroupAttachment:TargetGroupAttachment":        p.attachmentKind(),
		"aws:iam/role:Role":                                         p.roleKind(),
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment":         p.rolePolicyKind(),
		"aws:lambda/layerVersion:LayerVersion":                      p.layerKind(),
		"aws:lambda/function:Function":                              p.functionKind(),
		"aws:lambda/permission:Permission":                          p.permissionKind(),
		"aws:ram/resourceShare:ResourceShare":                       p.shareKind(),
		"aws:ram/principalAssociation:PrincipalAssociation":         p.principalKind(),
		"aws:ram/resourceAssociation:ResourceAssociation":           p.resourceKind(),
	}
	return p
}

// Create implements engine.Provider.
func (p *Provider) Create(ctx context.Context, typ, name string, inputs engine.Properties) (engine.Made, error) {
	k, ok := p.kinds[typ]
	if !ok {
		return engine.Made{}, fmt.Errorf("no resource type %s", typ)
	}
	return k.create(ctx, name, inputs)
}

// Read implements engine.Provider.
func (p *Provider) Read(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	k, ok := p.kinds[r.Type]
	if !ok {
		return nil, nil, fmt.Errorf("no resource type %s", r.Type)
	}
	if inputs, outputs, err = k.read(ctx, r); err != nil {
		return nil, nil, err
	}
	for _, name := range k.unseen {
		if value, given := r.Inputs[name]; given {
			inputs[name] = value
		}
	}
	for name, value := range inputs {
		_, given := r.Inputs[name]
		usual, has := k.defaults[name]
		none := name == "tags" && len(object(inputs, "tags")) == 0
		if !given && (none || has && same(usual, value) || slices.Contains(k.computed, name)) {
			delete(inputs, name)
		}
	}
	return inputs, outputs, nil
}

// Compare implements engine.Provider.
func (p *Provider) Compare(typ string, old, new engine.Properties) engine.Change {
	for _, input := range changed(old, new) {
		covers := func(u update) bool { return slices.Contains(u.inputs, input) }
		if !slices.ContainsFunc(p.kinds[typ].updates, covers) {
			return engine.Replace
		}
	}
	return engine.Update
}

// Update implements engine.Provider.
func (p *Provider) Update(ctx context.Context, old engine.Existing, inputs engine.Properties) (engine.Properties, error) {
	different := changed(old.Inputs, inputs)
	for _, u := range p.kinds[old.Type].updates {
		covered := func(input string) bool { return slices.Contains(u.inputs, input) }
		if !slices.ContainsFunc(different, covered) {
			continue
		}
		if err := u.apply(ctx, old, inputs); err != nil {
			return nil, err
		}
	}
	return old.Outputs, nil
}

// Delete implements engine.Provider.
func (p *Provider) Delete(ctx context.Context, r engine.Existing) error {
	k, ok := p.kinds[r.Type]
	if !ok {
		return fmt.Errorf("no resource type %s", r.Type)
	}
	return k.delete(ctx, r)
}

// patience bounds every wait; the longest of AWS's own is for a function's interfaces to go.
const patience = 45 * time.Minute

// poll asks until done, first in quick succession, then every two seconds.
func poll(ctx context.Context, what string, done func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for wait := 20 * time.Millisecond; ; wait = min(wait*3/2, 2*time.Second) {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("gave up waiting for %s", what)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// whileRefused repeats a call as long as it is refused with one of the codes, for as long as AWS takes to notice that
// what stood in the way is gone.
func whileRefused(ctx context.Context, what string, call func() error, codes ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var refusal error
	err := poll(ctx, what, func() (bool, error) {
		refusal = call()
		if hasCode(refusal, codes...) {
			return false, nil
		}
		return true, refusal
	})
	if err != nil && refusal != nil && !errors.Is(err, refusal) {
		return errors.Join(err, refusal)
	}
	return err
}

// unless drops an error with one of the codes.
func unless(err error, codes ...string) error {
	if hasCode(err, codes...) {
		return nil
	}
	return err
}

func hasCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// uniqueName is a name for what the program left unnamed, as Pulumi makes one.
func uniqueName(name string) string {
	var random [4]byte
	rand.Read(random[:])
	return name + "-" + hex.EncodeToString(random[:])[:7]
}

// given is the input's text, or a unique name where the program left it out.
func given(in engine.Properties, key, name string) string {
	if v := text(in, key); v != "" {
		return v
	}
	return uniqueName(name)
}

// afterFirst is what follows the first mark.
func afterFirst(s, mark string) string {
	_, after, _ := strings.Cut(s, mark)
	return after
}
