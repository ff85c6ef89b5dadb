package iam

import (
	"context"

	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
)

// Nothing here makes passwords, multi-factor devices, SSH keys, certificates or credentials for single services, so no user
// has any. Clients that delete a user ask for them first.

// owner checks that the user a listing is about exists.
func (a *API) owner(ctx context.Context, name *string) error {
	_, err := keyOwner(ctx, a.view.Snapshot(), name)
	return err
}

func (a *API) noPassword(ctx context.Context, name *string) error {
	if err := a.owner(ctx, name); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "NoSuchEntity", "Login Profile for User %s cannot be found.", text(name))
}

// GetLoginProfile finds no password.
func (a *API) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	return nil, a.noPassword(ctx, in.UserName)
}

// DeleteLoginProfile finds no password to delete.
func (a *API) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, a.noPassword(ctx, in.UserName)
}

// ListMFADevices finds no multi-factor devices of a user.
func (a *API) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	if err := a.owner(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListMFADevicesOutput{MFADevices: []iam.MFADevice{}, IsTruncated: new(false)}, nil
}

// ListVirtualMFADevices finds no multi-factor devices of the account.
func (a *API) ListVirtualMFADevices(context.Context, *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []iam.VirtualMFADevice{}, IsTruncated: new(false)}, nil
}

// ListSSHPublicKeys finds no SSH keys.
func (a *API) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	if err := a.owner(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []iam.SSHPublicKeyMetadata{}, IsTruncated: new(false)}, nil
}

// ListSigningCertificates finds no certificates.
func (a *API) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	if err := a.owner(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListSigningCertificatesOutput{Certificates: []iam.SigningCertificate{}, IsTruncated: new(false)}, nil
}

// ListServiceSpecificCredentials finds no credentials for single services.
func (a *API) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	if err := a.owner(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []iam.ServiceSpecificCredentialMetadata{}, IsTruncated: new(false)}, nil
}
