package lambda

import (
	"context"
	"slices"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

// editLayer changes the policy of a layer version.
func (a *API) editLayer(ctx context.Context, name *string, version *int64, revisionID *string, action string, edit func(l *function.Layer) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		l, err := layerVersion(ctx, tx, name, deref(version), action)
		if err != nil {
			return err
		}
		if err := unless(revisionID, l.PolicyRev, "GetLayerVersionPolicy"); err != nil {
			return err
		}
		if err := edit(l); err != nil {
			return err
		}
		l.PolicyRev = revision()
		state.Layers.Put(tx, l)
		return nil
	})
}

// layerPolicy returns a layer version's policy, empty if there is none.
func layerPolicy(l *function.Layer) (string, error) {
	if len(l.Permissions) == 0 {
		return "", nil
	}
	var statements []function.Statement
	for i := range l.Permissions {
		statements = append(statements, l.Permissions[i].Statement(l.VersionARN()))
	}
	return function.Document(statements)
}

// AddLayerVersionPermission lets other accounts use a layer version.
func (a *API) AddLayerVersionPermission(ctx context.Context, in *lambda.AddLayerVersionPermissionInput) (*lambda.AddLayerVersionPermissionOutput, error) {
	p := function.LayerPermission{StatementID: deref(in.StatementId), Action: deref(in.Action), Principal: deref(in.Principal), OrgID: deref(in.OrganizationId)}
	if p.OrgID != "" && p.Principal != "*" {
		return nil, invalid("The principal must be * where an organization is given.")
	}
	var l *function.Layer
	err := a.editLayer(ctx, in.LayerName, in.VersionNumber, in.RevisionId, "AddLayerVersionPermission", func(row *function.Layer) error {
		if slices.ContainsFunc(row.Permissions, func(q function.LayerPermission) bool { return q.StatementID == p.StatementID }) {
			return fault.New(fault.Exists, "ResourceConflictException",
				"The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", p.StatementID)
		}
		row.Permissions = append(slices.Clone(row.Permissions), p)
		l = row
		_, err := layerPolicy(row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &lambda.AddLayerVersionPermissionOutput{Statement: new(p.Statement(l.VersionARN()).Text()), RevisionId: &l.PolicyRev}, nil
}

// GetLayerVersionPolicy returns a layer version's policy.
func (a *API) GetLayerVersionPolicy(ctx context.Context, in *lambda.GetLayerVersionPolicyInput) (*lambda.GetLayerVersionPolicyOutput, error) {
	l, err := layerVersion(ctx, a.view.Snapshot(), in.LayerName, deref(in.VersionNumber), "GetLayerVersionPolicy")
	if err != nil {
		return nil, err
	}
	doc, err := layerPolicy(l)
	if err != nil {
		return nil, err
	}
	if doc == "" {
		return nil, notFound("No policy is associated with the given resource.")
	}
	return &lambda.GetLayerVersionPolicyOutput{Policy: &doc, RevisionId: &l.PolicyRev}, nil
}

// RemoveLayerVersionPermission takes a statement out of a layer version's policy.
func (a *API) RemoveLayerVersionPermission(ctx context.Context, in *lambda.RemoveLayerVersionPermissionInput) (*lambda.RemoveLayerVersionPermissionOutput, error) {
	return &lambda.RemoveLayerVersionPermissionOutput{}, a.editLayer(ctx, in.LayerName, in.VersionNumber, in.RevisionId, "RemoveLayerVersionPermission",
		func(l *function.Layer) error {
			kept := without(l.Permissions, func(p function.LayerPermission) bool { return p.StatementID == deref(in.StatementId) })
			if len(kept) == len(l.Permissions) {
				return notFound("Statement %s is not found in resource policy.", deref(in.StatementId))
			}
			l.Permissions = kept
			return nil
		})
}
