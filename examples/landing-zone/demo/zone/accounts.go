package zone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
)

// Config is the SDK's configuration for a profile of the server's, and of no other file.
func (z Zone) Config(ctx context.Context, profile string) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{z.Profiles}),
		config.WithSharedCredentialsFiles([]string{os.DevNull}),
		config.WithSharedConfigProfile(profile),
		config.WithRetryMaxAttempts(8))
}

// Accounts are the article's prerequisites: three accounts in one organization, sharing enabled, a CLI profile for each.
// It answers their ids by name, and prints what it does.
func (z Zone) Accounts(ctx context.Context, out io.Writer) (map[string]string, error) {
	accounts := map[string]string{}
	for _, name := range append([]string{"management"}, Members()...) {
		id, err := z.Server.CreateAccount(ctx, name)
		if err != nil {
			return nil, err
		}
		accounts[name] = id
		fmt.Fprintf(out, "account %s %s\n", id, name)
	}
	info, err := os.Stat(z.Profiles)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		return nil, fmt.Errorf("%s holds keys and has mode %o", z.Profiles, mode)
	}
	fmt.Fprintf(out, "profiles %s\n", z.Profiles)

	management, err := z.Config(ctx, "management")
	if err != nil {
		return nil, err
	}
	org := organizations.NewFromConfig(management)
	created, err := org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetAll})
	if err != nil {
		return nil, err
	}
	for _, name := range Members() {
		if err := z.join(ctx, org, name, accounts[name]); err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
	}
	if _, err := org.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("ram.amazonaws.com")}); err != nil {
		return nil, err
	}
	shared, err := ram.NewFromConfig(management).EnableSharingWithAwsOrganization(ctx, &ram.EnableSharingWithAwsOrganizationInput{})
	if err != nil {
		return nil, err
	}
	if !aws.ToBool(shared.ReturnValue) {
		return nil, errors.New("sharing within the organization is not enabled")
	}
	fmt.Fprintf(out, "organization %s, sharing enabled\n", aws.ToString(created.Organization.Id))
	return accounts, nil
}

// join invites an account and accepts for it.
func (z Zone) join(ctx context.Context, org *organizations.Client, name, id string) error {
	invited, err := org.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Id: &id, Type: types.HandshakePartyTypeAccount},
	})
	if err != nil {
		return err
	}
	member, err := z.Config(ctx, name)
	if err != nil {
		return err
	}
	_, err = organizations.NewFromConfig(member).AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: invited.Handshake.Id})
	return err
}
