package ram_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"trellis/internal/aws"
	model "trellis/internal/aws/model/ram"
	"trellis/internal/caller"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/ram/types"
)

// keyring gives every account the access key that is its id.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

// The calls of the landing zone, by the SDK and over HTTP.
func TestWithTheSDK(t *testing.T) {
	e := newEnv(t)
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: e.API}}, Credentials: keyring{}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client := func(account string) *ram.Client {
		return ram.New(ram.Options{Region: region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
			Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
				return sdk.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
			})})
	}
	ctx, net := t.Context(), e.network(owner, "blue")
	out, err := client(manager).EnableSharingWithAwsOrganization(ctx, &ram.EnableSharingWithAwsOrganizationInput{})
	if err != nil || !*out.ReturnValue {
		t.Fatalf("%+v, %v", out, err)
	}
	c := client(owner)
	made, err := c.CreateResourceShare(ctx, &ram.CreateResourceShareInput{Name: new("blue"), AllowExternalPrincipals: new(false), Tags: []types.Tag{{Key: new("k"), Value: new("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	shareARN := made.ResourceShare.ResourceShareArn
	_, err = c.AssociateResourceShare(ctx, &ram.AssociateResourceShareInput{ResourceShareArn: shareARN, Principals: []string{loner}})
	var refused *types.OperationNotPermittedException
	if !errors.As(err, &refused) {
		t.Errorf("an outsider: got %v, want OperationNotPermittedException", err)
	}
	joined, err := c.AssociateResourceShare(ctx, &ram.AssociateResourceShareInput{ResourceShareArn: shareARN, Principals: []string{blue}, ResourceArns: []string{net}})
	if err != nil || len(joined.ResourceShareAssociations) != 2 {
		t.Fatalf("%+v, %v", joined, err)
	}
	associations, err := c.GetResourceShareAssociations(ctx, &ram.GetResourceShareAssociationsInput{AssociationType: types.ResourceShareAssociationTypePrincipal,
		Principal: new(blue), ResourceShareArns: []string{*shareARN}})
	if err != nil || len(associations.ResourceShareAssociations) != 1 || associations.ResourceShareAssociations[0].Status != types.ResourceShareAssociationStatusAssociated {
		t.Errorf("associations %+v, %v", associations, err)
	}
	seen, err := client(blue).ListResources(ctx, &ram.ListResourcesInput{ResourceOwner: types.ResourceOwnerOtherAccounts})
	if err != nil || len(seen.Resources) != 1 || *seen.Resources[0].Arn != net || seen.Resources[0].Status != types.ResourceStatusAvailable {
		t.Errorf("blue's resources %+v, %v", seen, err)
	}
	if _, err := c.DeleteResourceShare(ctx, &ram.DeleteResourceShareInput{ResourceShareArn: shareARN}); err != nil {
		t.Fatal(err)
	}
	shares, err := c.GetResourceShares(ctx, &ram.GetResourceSharesInput{ResourceOwner: types.ResourceOwnerSelf, ResourceShareArns: []string{*shareARN}})
	if err != nil || shares.ResourceShares[0].Status != types.ResourceShareStatusDeleted || !shares.ResourceShares[0].CreationTime.Equal(e.now) {
		t.Errorf("shares %+v, %v", shares, err)
	}
	_, err = c.DeleteResourceShare(ctx, &ram.DeleteResourceShareInput{ResourceShareArn: shareARN})
	var gone *types.UnknownResourceException
	if !errors.As(err, &gone) {
		t.Errorf("deleted twice: got %v, want UnknownResourceException", err)
	}
}
