// Package aws holds the data sources of Pulumi's aws provider that the stacks ask for. It holds no state.
package aws

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// CallerIdentity is the account and principal the provider's credentials belong to.
type CallerIdentity struct {
	AccountID string `pulumi:"accountId"`
	Arn       string `pulumi:"arn"`
	UserID    string `pulumi:"userId"`
}

// GetCallerIdentity asks whose credentials the provider holds.
func GetCallerIdentity(ctx *pulumi.Context) (CallerIdentity, error) {
	var result CallerIdentity
	err := ctx.Invoke("aws:index/getCallerIdentity:getCallerIdentity", struct{}{}, &result)
	return result, err
}

// AvailabilityZones are the zones of the provider's region, in order.
type AvailabilityZones struct {
	Names   []string `pulumi:"names"`
	ZoneIDs []string `pulumi:"zoneIds"`
}

// GetAvailabilityZones lists the zones in the given state.
func GetAvailabilityZones(ctx *pulumi.Context, state string) (AvailabilityZones, error) {
	args := struct {
		State string `pulumi:"state"`
	}{state}
	var result AvailabilityZones
	err := ctx.Invoke("aws:index/getAvailabilityZones:getAvailabilityZones", args, &result)
	return result, err
}
