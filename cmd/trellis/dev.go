package main

import (
	"context"
	"time"

	"trellis/internal/access"
	"trellis/internal/caller"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// localAccounts lets the accounts of the local convention be there from their first call: nobody makes them.
type localAccounts struct {
	*access.Control
	view *state.View
}

// Authorize implements aws.Authorizer.
func (l localAccounts) Authorize(ctx context.Context, action string, in any) error {
	id := caller.From(ctx).Account
	if _, ok := state.Accounts.Get(l.view.Snapshot(), id); !ok {
		err := l.view.Update(ctx, func(tx *state.Tx) error {
			if _, ok := state.Accounts.Get(tx, id); !ok {
				state.Accounts.Put(tx, &identity.Account{ID: id, Name: id, Email: id + "@accounts.invalid", Created: time.Now().UTC()})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return l.Control.Authorize(ctx, action, in)
}
