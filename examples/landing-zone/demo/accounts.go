package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
)

// config is the SDK's configuration for a profile of the server's, and of no other file.
func (d *demo) config(ctx context.Context, profile string) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{d.server.Profiles}),
		config.WithSharedCredentialsFiles([]string{filepath.Join(d.dir, "no-credentials-file")}),
		config.WithSharedConfigProfile(profile),
		config.WithRetryMaxAttempts(8))
}

// prerequisites are the article's: three accounts in one organization, sharing enabled, a CLI profile for each.
func (d *demo) prerequisites(ctx context.Context) error {
	for _, name := range append([]string{"management"}, members()...) {
		id, err := d.server.CreateAccount(ctx, name)
		if err != nil {
			return err
		}
		d.accounts[name] = id
		fmt.Fprintf(d.out, "account %s %s\n", id, name)
	}
	info, err := os.Stat(d.server.Profiles)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		return fmt.Errorf("%s holds keys and has mode %o", d.server.Profiles, mode)
	}
	fmt.Fprintf(d.out, "profiles %s\n", d.server.Profiles)

	management, err := d.config(ctx, "management")
	if err != nil {
		return err
	}
	org := organizations.NewFromConfig(management)
	created, err := org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetAll})
	if err != nil {
		return err
	}
	for _, name := range members() {
		if err := d.join(ctx, org, name); err != nil {
			return fmt.Errorf("account %s: %w", name, err)
		}
	}
	if _, err := org.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("ram.amazonaws.com")}); err != nil {
		return err
	}
	shared, err := ram.NewFromConfig(management).EnableSharingWithAwsOrganization(ctx, &ram.EnableSharingWithAwsOrganizationInput{})
	if err != nil {
		return err
	}
	if !aws.ToBool(shared.ReturnValue) {
		return errors.New("sharing within the organization is not enabled")
	}
	fmt.Fprintf(d.out, "organization %s, sharing enabled\n", aws.ToString(created.Organization.Id))
	return nil
}

// join invites an account and accepts for it.
func (d *demo) join(ctx context.Context, org *organizations.Client, name string) error {
	id := d.accounts[name]
	invited, err := org.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Id: &id, Type: types.HandshakePartyTypeAccount},
	})
	if err != nil {
		return err
	}
	member, err := d.config(ctx, name)
	if err != nil {
		return err
	}
	_, err = organizations.NewFromConfig(member).AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: invited.Handshake.Id})
	return err
}
