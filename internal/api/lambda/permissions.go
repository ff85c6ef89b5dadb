package lambda

import (
	"context"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// AddPermission adds a statement to the policy of a function or of one of its qualifiers.
func (a *API) AddPermission(ctx context.Context, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	p := function.Permission{StatementID: deref(in.StatementId), Action: deref(in.Action), Principal: deref(in.Principal),
		SourceARN: deref(in.SourceArn), SourceAccount: deref(in.SourceAccount), OrgID: deref(in.PrincipalOrgID),
		Token: deref(in.EventSourceToken), URLAuthType: deref(in.FunctionUrlAuthType), ViaURL: in.InvokedViaFunctionUrl}
	if p.URLAuthType != "" && p.Action != "lambda:InvokeFunctionUrl" {
		return nil, invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	var out string
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := find(ctx, tx, in.FunctionName, in.Qualifier, "AddPermission")
		if err != nil {
			return err
		}
		if f.qualifier == function.Latest {
			return invalid("We currently do not support adding policies for $LATEST.")
		}
		if err := unless(in.RevisionId, f.PolicyRev, "GetPolicy"); err != nil {
			return err
		}
		if !principalExists(tx, p.Principal) {
			return invalid("The provided principal was invalid. Please check the principal and try again.")
		}
		p.Qualifier = f.qualifier
		if slices.ContainsFunc(f.Permissions, func(q function.Permission) bool {
			return q.Qualifier == p.Qualifier && q.StatementID == p.StatementID
		}) {
			return fault.New(fault.Exists, "ResourceConflictException",
				"The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", p.StatementID)
		}
		f.Permissions = append(slices.Clone(f.Permissions), p)
		f.PolicyRev = revision()
		if _, err := policyOf(f); err != nil {
			return err
		}
		out = p.Statement(f.ARN()).Text()
		state.Functions.Put(tx, f.Function)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.AddPermissionOutput{Statement: &out}, nil
}

// principalExists checks what a statement allows something to: a service, everyone, or an account, user or role there is.
func principalExists(r state.Reader, principal string) bool {
	if principal == "*" || function.IsService(principal) {
		return true
	}
	if arn.IsAccount(principal) {
		_, ok := state.Accounts.Get(r, principal)
		return ok
	}
	a, err := arn.Parse(principal)
	if err != nil || !arn.IsAccount(a.Account) {
		return false
	}
	if _, ok := state.Accounts.Get(r, a.Account); !ok {
		return false
	}
	switch {
	case a.Service == "iam" && a.Resource == "root", a.Service == "sts" && a.Type() == "assumed-role":
		return true
	case a.Service == "iam" && a.Type() == "role":
		_, ok := state.RoleByARN(r, principal)
		return ok
	case a.Service == "iam" && a.Type() == "user":
		for u := range state.Users.By(r, state.ByName, a.Account+"/"+identity.Fold(a.Last())) {
			return u.ARN() == principal
		}
	}
	return false
}

// policyOf returns the policy of a function's qualifier, empty if there is none.
func policyOf(f *found) (string, error) {
	var statements []function.Statement
	for i := range f.Permissions {
		if p := &f.Permissions[i]; p.Qualifier == f.qualifier {
			statements = append(statements, p.Statement(f.ARN()))
		}
	}
	if len(statements) == 0 {
		return "", nil
	}
	return function.Document(statements)
}

// GetPolicy returns the policy of a function or of one of its qualifiers.
func (a *API) GetPolicy(ctx context.Context, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	f, err := find(ctx, a.view.Snapshot(), in.FunctionName, in.Qualifier, "GetPolicy")
	if err != nil {
		return nil, err
	}
	doc, err := policyOf(f)
	if err != nil {
		return nil, err
	}
	if doc == "" {
		return nil, nothing()
	}
	return &lambda.GetPolicyOutput{Policy: &doc, RevisionId: &f.PolicyRev}, nil
}

// RemovePermission takes a statement out of a policy.
func (a *API) RemovePermission(ctx context.Context, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	return &lambda.RemovePermissionOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := find(ctx, tx, in.FunctionName, in.Qualifier, "RemovePermission")
		if err != nil {
			return err
		}
		kept := without(f.Permissions, func(p function.Permission) bool {
			return p.Qualifier == f.qualifier && p.StatementID == deref(in.StatementId)
		})
		if len(kept) == len(f.Permissions) {
			return notFound("Statement %s is not found in resource policy.", deref(in.StatementId))
		}
		if err := unless(in.RevisionId, f.PolicyRev, "GetPolicy"); err != nil {
			return err
		}
		f.Permissions, f.PolicyRev = kept, revision()
		state.Functions.Put(tx, f.Function)
		return nil
	})
}
