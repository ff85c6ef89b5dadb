package vpclattice

import (
	"context"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateAccessLogSubscription sends the access logs of a service or network to a log group.
func (a *API) CreateAccessLogSubscription(ctx context.Context, in *vpclattice.CreateAccessLogSubscriptionInput) (*vpclattice.CreateAccessLogSubscriptionOutput, error) {
	var out *vpclattice.CreateAccessLogSubscriptionOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		s, err := once(q, tx, "CreateAccessLogSubscription", in.ClientToken, params, state.LogSubscriptions, subscriptionID, func() (*lattice.LogSubscription, error) {
			return q.newSubscription(tx, in)
		})
		if err != nil {
			return err
		}
		out = &vpclattice.CreateAccessLogSubscriptionOutput{Id: new(s.ID), Arn: new(s.ARN()), ResourceId: new(s.Resource), ResourceArn: new(s.ResourceARN),
			DestinationArn: new(s.Destination), ServiceNetworkLogType: text(s.LogType)}
		return nil
	})
	return out, err
}

func subscriptionID(s *lattice.LogSubscription) string { return s.ID }

func (q *query) newSubscription(tx *state.Tx, in *vpclattice.CreateAccessLogSubscriptionInput) (*lattice.LogSubscription, error) {
	h, err := q.liveHolder(tx, in.ResourceIdentifier, "CreateAccessLogSubscription")
	if err != nil {
		return nil, err
	}
	service, err := q.destination(tx, str(in.DestinationArn))
	if err != nil {
		return nil, err
	}
	logType := str(in.ServiceNetworkLogType)
	if h.kind == lattice.KindNetwork {
		switch logType {
		case "":
			logType = lattice.LogsOfServices
		case lattice.LogsOfServices, lattice.LogsOfResources:
		default:
			return nil, lattice.Invalid("serviceNetworkLogType", "The log type must be %s or %s.", lattice.LogsOfServices, lattice.LogsOfResources)
		}
	} else if logType != "" {
		return nil, lattice.Invalid("serviceNetworkLogType", "Only a service network has log types.")
	}
	if err := q.onlySubscription(tx, h.id, service, logType, ""); err != nil {
		return nil, err
	}
	meta, err := q.newMeta(lattice.KindSubscription, "", in.Tags)
	return &lattice.LogSubscription{Meta: meta, Resource: h.id, ResourceARN: h.arn, Destination: *in.DestinationArn, LogType: logType}, err
}

// onlySubscription refuses a second subscription of a resource with the same type of destination.
func (q *query) onlySubscription(tx *state.Tx, resource, service, logType, except string) error {
	for other := range state.LogSubscriptions.By(tx, state.ByResource, resource) {
		if d, err := arn.Parse(other.Destination); err == nil && d.Service == service && other.LogType == logType && other.ID != except {
			return conflict(lattice.KindSubscription, other.ID, "The resource %s has an access log subscription with this type of destination already.", resource)
		}
	}
	return nil
}

// GetAccessLogSubscription describes a subscription.
func (a *API) GetAccessLogSubscription(ctx context.Context, in *vpclattice.GetAccessLogSubscriptionInput) (*vpclattice.GetAccessLogSubscriptionOutput, error) {
	s, err := a.query(ctx).subscription(a.view.Snapshot(), in.AccessLogSubscriptionIdentifier)
	if err != nil {
		return nil, err
	}
	return &vpclattice.GetAccessLogSubscriptionOutput{Id: new(s.ID), Arn: new(s.ARN()), ResourceId: new(s.Resource), ResourceArn: new(s.ResourceARN),
		DestinationArn: new(s.Destination), ServiceNetworkLogType: text(s.LogType), CreatedAt: new(s.Created), LastUpdatedAt: new(s.Updated)}, nil
}

// ListAccessLogSubscriptions lists the caller's subscriptions to a resource.
func (a *API) ListAccessLogSubscriptions(ctx context.Context, in *vpclattice.ListAccessLogSubscriptionsInput) (*vpclattice.ListAccessLogSubscriptionsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	id := str(in.ResourceIdentifier)
	rows, next, err := cut(where(state.LogSubscriptions.By(r, state.ByResource, lattice.IDOf(id)), func(s *lattice.LogSubscription) bool {
		return s.Owner == q.Owner && named(id, s.ResourceARN)
	}), subscriptionID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListAccessLogSubscriptionsOutput{NextToken: next, Items: summaries(rows, func(s *lattice.LogSubscription) vpclattice.AccessLogSubscriptionSummary {
		return vpclattice.AccessLogSubscriptionSummary{Id: new(s.ID), Arn: new(s.ARN()), ResourceId: new(s.Resource), ResourceArn: new(s.ResourceARN),
			DestinationArn: new(s.Destination), ServiceNetworkLogType: text(s.LogType), CreatedAt: new(s.Created), LastUpdatedAt: new(s.Updated)}
	})}, nil
}

// UpdateAccessLogSubscription changes the destination.
func (a *API) UpdateAccessLogSubscription(ctx context.Context, in *vpclattice.UpdateAccessLogSubscriptionInput) (*vpclattice.UpdateAccessLogSubscriptionOutput, error) {
	var out *vpclattice.UpdateAccessLogSubscriptionOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.subscription(tx, in.AccessLogSubscriptionIdentifier)
		if err != nil {
			return err
		}
		service, err := q.destination(tx, str(in.DestinationArn))
		if err != nil {
			return err
		}
		if err := q.onlySubscription(tx, s.Resource, service, s.LogType, s.ID); err != nil {
			return err
		}
		s.Destination, s.Updated = *in.DestinationArn, q.now
		state.LogSubscriptions.Put(tx, s)
		out = &vpclattice.UpdateAccessLogSubscriptionOutput{Id: new(s.ID), Arn: new(s.ARN()), ResourceId: new(s.Resource), ResourceArn: new(s.ResourceARN), DestinationArn: new(s.Destination)}
		return nil
	})
	return out, err
}

// DeleteAccessLogSubscription ends a subscription.
func (a *API) DeleteAccessLogSubscription(ctx context.Context, in *vpclattice.DeleteAccessLogSubscriptionInput) (*vpclattice.DeleteAccessLogSubscriptionOutput, error) {
	return &vpclattice.DeleteAccessLogSubscriptionOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.subscription(tx, in.AccessLogSubscriptionIdentifier)
		if err != nil {
			return err
		}
		state.LogSubscriptions.Delete(tx, s.ID)
		return nil
	})
}

// destination checks where access logs are to go and names the type of the place.
func (q *query) destination(tx *state.Tx, name string) (string, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return "", lattice.Invalid("destinationArn", "%s", err)
	}
	switch a.Service {
	case "logs":
		if a.Type() != "log-group" || a.Account != q.Account || a.Region != q.Region {
			break
		}
		if _, ok := state.LogGroups.Get(tx, state.LogGroupKey(q.Owner, strings.TrimSuffix(a.ID(), ":*"))); ok {
			return a.Service, nil
		}
		return "", noDestination(name, "log group")
	case "s3":
		return "", noDestination(name, "bucket")
	case "firehose":
		return "", noDestination(name, "delivery stream")
	}
	return "", lattice.Invalid("destinationArn", "The destination '%s' is not a log group of this account and region.", clip(name))
}

func noDestination(name, what string) error {
	return fault.New(fault.NotFound, "", "The %s '%s' does not exist.", what, clip(name)).About("ACCESS_LOG_DESTINATION", clip(name))
}
