package vpclattice

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateService makes a service with a DNS name.
func (a *API) CreateService(ctx context.Context, in *vpclattice.CreateServiceInput) (*vpclattice.CreateServiceOutput, error) {
	var out *vpclattice.CreateServiceOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		s, err := once(q, tx, "CreateService", in.ClientToken, params, state.Services, serviceID, func() (*lattice.Service, error) {
			return q.newService(tx, in)
		})
		if err != nil {
			return err
		}
		g := showService(tx, s)
		out = &vpclattice.CreateServiceOutput{Id: g.Id, Arn: g.Arn, Name: g.Name, CustomDomainName: g.CustomDomainName, CertificateArn: g.CertificateArn,
			Status: g.Status, AuthType: g.AuthType, IdleTimeoutSeconds: g.IdleTimeoutSeconds, DnsEntry: g.DnsEntry}
		return nil
	})
	return out, err
}

func serviceID(s *lattice.Service) string { return s.ID }

func (q *query) newService(tx *state.Tx, in *vpclattice.CreateServiceInput) (*lattice.Service, error) {
	name := str(in.Name)
	if err := lattice.KindService.CheckName(name); err != nil {
		return nil, err
	}
	for other := range state.Services.By(tx, state.ByName, q.Scope()+"/"+name) {
		return nil, conflict(lattice.KindService, other.ID, "A service with the name '%s' already exists.", name)
	}
	if state.Services.Count(tx, state.ByScope, q.Scope()) >= lattice.MaxServices {
		return nil, quota(lattice.KindService, "", "An account can have at most %d services in a region.", lattice.MaxServices)
	}
	meta, err := q.newMeta(lattice.KindService, name, in.Tags)
	if err != nil {
		return nil, err
	}
	s := &lattice.Service{Meta: meta, AuthType: lattice.AuthNone, IdleTimeout: lattice.DefaultIdleTimeout}
	if in.CustomDomainName != nil {
		if err := lattice.CheckDomain(*in.CustomDomainName); err != nil {
			return nil, err
		}
		s.CustomDomain = *in.CustomDomainName
	}
	return s, setService(s, in.CertificateArn, in.AuthType, in.IdleTimeoutSeconds)
}

// setService sets what can be changed.
func setService(s *lattice.Service, certificate, auth *string, idle *int32) error {
	if str(certificate) != "" {
		return &fault.Error{Kind: fault.Unsupported, Reason: "fieldValidationFailed", Message: "The certificate '" + clip(*certificate) +
			"' does not exist: this server has no certificate manager.", Fields: []fault.Field{{Name: "certificateArn", Message: "No such certificate."}}}
	}
	if auth != nil {
		if err := lattice.CheckAuthType(*auth); err != nil {
			return err
		}
		s.AuthType = *auth
	}
	if idle != nil {
		if *idle < lattice.DefaultIdleTimeout || *idle > lattice.MaxIdleTimeout {
			return lattice.Invalid("idleTimeoutSeconds", "The idle timeout must be between %d and %d seconds.", lattice.DefaultIdleTimeout, lattice.MaxIdleTimeout)
		}
		s.IdleTimeout = *idle
	}
	return nil
}

func dnsEntry(s *lattice.Service) *vpclattice.DnsEntry {
	return &vpclattice.DnsEntry{DomainName: new(s.Domain()), HostedZoneId: new(lattice.HostedZone(s.Region))}
}

func showService(r state.Reader, s *lattice.Service) *vpclattice.GetServiceOutput {
	_, rev, _ := state.Services.Lookup(r, s.ID)
	real := realised(r, rev, s.ID)
	status := s.Status(real)
	out := &vpclattice.GetServiceOutput{Id: new(s.ID), Name: new(s.Name), Arn: new(s.ARN()), CreatedAt: new(s.Created), LastUpdatedAt: new(s.Updated),
		DnsEntry: dnsEntry(s), CustomDomainName: text(s.CustomDomain), Status: new(status), AuthType: new(s.AuthType),
		IdleTimeoutSeconds: new(s.IdleTimeout)}
	out.FailureCode, out.FailureMessage = failure(status, real)
	return out
}

// GetService describes a service, the caller's own or one shared with it.
func (a *API) GetService(ctx context.Context, in *vpclattice.GetServiceInput) (*vpclattice.GetServiceOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	s, err := q.service(r, in.ServiceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := q.may(r, s.Owner, s.ARN(), "GetService"); err != nil {
		return nil, err
	}
	return showService(r, s), nil
}

// ListServices lists the caller's services and those shared with it.
func (a *API) ListServices(ctx context.Context, in *vpclattice.ListServicesInput) (*vpclattice.ListServicesOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows := slices.Collect(state.Services.By(r, state.ByScope, q.Scope()))
	for _, id := range q.sharedIDs(r, "service/") {
		if s, ok := state.Services.Get(r, id); ok && s.Account != q.Account {
			rows = append(rows, s)
		}
	}
	slices.SortFunc(rows, func(a, b *lattice.Service) int { return strings.Compare(a.ID, b.ID) })
	rows, next, err := cut(slices.Values(rows), serviceID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServicesOutput{NextToken: next, Items: summaries(rows, func(s *lattice.Service) vpclattice.ServiceSummary {
		g := showService(r, s)
		return vpclattice.ServiceSummary{Id: g.Id, Name: g.Name, Arn: g.Arn, CreatedAt: g.CreatedAt, LastUpdatedAt: g.LastUpdatedAt,
			DnsEntry: g.DnsEntry, CustomDomainName: g.CustomDomainName, Status: g.Status}
	})}, nil
}

// UpdateService changes how a service authorizes and how long idle connections stay.
func (a *API) UpdateService(ctx context.Context, in *vpclattice.UpdateServiceInput) (*vpclattice.UpdateServiceOutput, error) {
	var out *vpclattice.UpdateServiceOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.liveService(tx, in.ServiceIdentifier, "UpdateService")
		if err != nil {
			return err
		}
		if err := setService(s, in.CertificateArn, in.AuthType, in.IdleTimeoutSeconds); err != nil {
			return err
		}
		s.Updated = q.now
		state.Services.Put(tx, s)
		out = &vpclattice.UpdateServiceOutput{Id: new(s.ID), Arn: new(s.ARN()), Name: new(s.Name), CustomDomainName: text(s.CustomDomain),
			AuthType: new(s.AuthType), IdleTimeoutSeconds: new(s.IdleTimeout)}
		return nil
	})
	return out, err
}

// DeleteService begins the deletion of a service with everything that belongs to it.
func (a *API) DeleteService(ctx context.Context, in *vpclattice.DeleteServiceInput) (*vpclattice.DeleteServiceOutput, error) {
	var out *vpclattice.DeleteServiceOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.ownService(tx, in.ServiceIdentifier, "DeleteService")
		if err != nil {
			return err
		}
		for range state.NetworkServices.By(tx, state.ByService, s.ID) {
			return conflict(lattice.KindService, s.ID, "Service %s has ServiceNetwork(s) associated", s.ID)
		}
		out = &vpclattice.DeleteServiceOutput{Id: new(s.ID), Arn: new(s.ARN()), Name: new(s.Name), Status: new(lattice.Deleting)}
		if s.Deleting {
			return nil
		}
		for l := range state.Listeners.By(tx, state.ByService, s.ID) {
			dropListener(tx, l)
		}
		dropAttachments(tx, s.ID, s.ARN())
		s.Deleting, s.Updated = true, q.now
		state.Services.Put(tx, s)
		return nil
	})
	return out, err
}

// dropAttachments deletes the policies and log subscriptions of a service or network.
func dropAttachments(tx *state.Tx, id, resourceARN string) {
	state.AuthPolicies.Delete(tx, id)
	state.ResourcePolicies.Delete(tx, resourceARN)
	for sub := range state.LogSubscriptions.By(tx, state.ByResource, id) {
		state.LogSubscriptions.Delete(tx, sub.ID)
	}
}
