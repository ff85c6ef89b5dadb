package cloudcontrol

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

const (
	// tokenLife is how long a client token stands for its request.
	tokenLife = 36 * time.Hour
	// recordLife is how long a request is kept after its end.
	recordLife = 7 * 24 * time.Hour
	// soon is when to ask again how a request goes on.
	soon = 100 * time.Millisecond
	// attention is how long the question how a request goes on waits for its end.
	attention = time.Second
)

func digest(r state.ResourceRequest, params string) string {
	return state.Digest([]string{r.Operation, r.Type, r.Identifier, params})
}

// earlier returns the request that a client token stands for.
func (a *API) earlier(r state.Reader, o vpc.Owner, token *string, request state.ResourceRequest, params string) (*state.ResourceRequest, error) {
	if token == nil {
		return nil, nil
	}
	for old := range state.ResourceRequests.By(r, state.ByClientToken, state.RequestClientToken(o, *token)) {
		if a.now().Sub(old.Made) > tokenLife {
			continue
		}
		if old.Digest != digest(request, params) {
			return nil, fault.New(fault.Conflict, "ClientTokenConflictException",
				"The specified client token has already been used in another resource request. Use a new token for a request with other parameters.")
		}
		return old, nil
	}
	return nil, nil
}

// repeated returns the event of the request that a client token stands for, nil if there is none.
func (a *API) repeated(ctx context.Context, token *string, request state.ResourceRequest, params string) (*cloudcontrol.ProgressEvent, error) {
	old, err := a.earlier(a.view.Snapshot(), owner(ctx), token, request, params)
	if old == nil || err != nil {
		return nil, err
	}
	return new(a.event(old)), nil
}

// begin stores a request, which Run carries out. Params are what makes it the same request if its client token comes again.
func (a *API) begin(ctx context.Context, token *string, request state.ResourceRequest, params string) (*cloudcontrol.ProgressEvent, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	request.Owner, request.Token, request.ClientToken, request.Caller = owner(ctx), id.String(), str(token), *caller.From(ctx)
	request.Digest, request.Status, request.Made, request.Updated = digest(request, params), state.RequestInProgress, now, now
	var made *state.ResourceRequest
	a.fresh.Store(request.Token, true)
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		old, err := a.earlier(tx, request.Owner, token, request, params)
		if old != nil || err != nil {
			made = old
			return err
		}
		if request.Identifier != "" {
			for other := range state.ResourceRequests.By(tx, state.ByWork, state.RequestWork(request.Owner, request.Type, request.Identifier)) {
				return fault.New(fault.Conflict, "ConcurrentOperationException", "Another operation on the resource of type '%s' with identifier '%s' is in progress, with request token %s.",
					request.Type, request.Identifier, other.Token)
			}
		}
		made = new(request)
		state.ResourceRequests.Put(tx, made)
		state.ResourceClaims.Put(tx, &state.ResourceClaim{Token: made.Token, Server: a.server})
		return nil
	})
	if err != nil || made.Token != request.Token {
		a.fresh.Delete(request.Token)
	}
	if err != nil {
		return nil, err
	}
	return new(a.event(made)), nil
}

// event shows a request.
func (a *API) event(r *state.ResourceRequest) cloudcontrol.ProgressEvent {
	out := cloudcontrol.ProgressEvent{TypeName: new(r.Type), Identifier: text(r.Identifier), RequestToken: new(r.Token), Operation: new(r.Operation),
		OperationStatus: new(r.Status), EventTime: new(r.Updated), StatusMessage: text(r.Message), ErrorCode: text(r.Code)}
	if r.Open() {
		out.RetryAfter = new(a.now().UTC().Add(soon))
	}
	return out
}

// request returns a request of the caller's.
func (a *API) request(ctx context.Context, r state.Reader, token *string) (*state.ResourceRequest, error) {
	row, ok := state.ResourceRequests.Get(r, str(token))
	if !ok || row.Owner != owner(ctx) || expired(row, a.now()) {
		return nil, fault.New(fault.NotFound, "RequestTokenNotFoundException", "Resource request with token %s was not found.", str(token))
	}
	return row, nil
}

func expired(r *state.ResourceRequest, now time.Time) bool {
	return !r.Open() && now.Sub(r.Updated) > recordLife
}

// GetResourceRequestStatus tells how a request goes on. It waits a moment for the end of one that does.
func (a *API) GetResourceRequestStatus(ctx context.Context, in *cloudcontrol.GetResourceRequestStatusInput) (*cloudcontrol.GetResourceRequestStatusOutput, error) {
	wait, cancel := context.WithTimeout(ctx, attention)
	defer cancel()
	for {
		s := a.view.Snapshot()
		row, err := a.request(ctx, s, in.RequestToken)
		if err != nil {
			return nil, err
		}
		if row.Open() {
			if _, err := a.view.After(wait, s.Rev); err == nil {
				continue
			}
		}
		return &cloudcontrol.GetResourceRequestStatusOutput{ProgressEvent: new(a.event(row))}, nil
	}
}

// CancelResourceRequest stops a request that goes on. What it did is not undone.
func (a *API) CancelResourceRequest(ctx context.Context, in *cloudcontrol.CancelResourceRequestInput) (*cloudcontrol.CancelResourceRequestOutput, error) {
	var row *state.ResourceRequest
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		var err error
		if row, err = a.request(ctx, tx, in.RequestToken); err != nil {
			return err
		}
		switch row.Status {
		case state.RequestCancelling:
			return nil
		case state.RequestInProgress:
			row.Status, row.Updated = state.RequestCancelling, a.now().UTC()
			state.ResourceRequests.Put(tx, row)
			return nil
		}
		return fault.New(fault.Conflict, "ConcurrentModificationException", "The request with token %s is %s and cannot be cancelled.", row.Token, row.Status)
	})
	if err != nil {
		return nil, err
	}
	return &cloudcontrol.CancelResourceRequestOutput{ProgressEvent: new(a.event(row))}, nil
}

// ListResourceRequests lists the caller's requests, the newest first.
func (a *API) ListResourceRequests(ctx context.Context, in *cloudcontrol.ListResourceRequestsInput) (*cloudcontrol.ListResourceRequestsOutput, error) {
	var operations, statuses []string
	if f := in.ResourceRequestStatusFilter; f != nil {
		operations, statuses = f.Operations, f.OperationStatuses
	}
	rows := slices.Collect(state.ResourceRequests.By(a.view.Snapshot(), state.ByScope, owner(ctx).Scope()))
	slices.Reverse(rows)
	wanted := func(yield func(*state.ResourceRequest) bool) {
		for _, r := range rows {
			ok := !expired(r, a.now()) && (len(operations) == 0 || slices.Contains(operations, r.Operation)) && (len(statuses) == 0 || slices.Contains(statuses, r.Status))
			if ok && !yield(r) {
				return
			}
		}
	}
	size := defaultPage
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	found, next, err := page.Cut(wanted, func(r *state.ResourceRequest) string { return backwards(r.Token) }, size, str(in.NextToken), "ValidationException")
	if err != nil {
		return nil, err
	}
	out := &cloudcontrol.ListResourceRequestsOutput{ResourceRequestStatusSummaries: []cloudcontrol.ProgressEvent{}, NextToken: text(next)}
	for _, r := range found {
		out.ResourceRequestStatusSummaries = append(out.ResourceRequestStatusSummaries, a.event(r))
	}
	return out, nil
}

// backwards turns a token into one that comes the earlier the later the token comes. Tokens ascend with time.
func backwards(token string) string {
	const digits = "0123456789abcdef"
	return strings.Map(func(c rune) rune {
		if i := strings.IndexRune(digits, c); i >= 0 {
			return rune(digits[len(digits)-1-i])
		}
		return c
	}, token)
}
