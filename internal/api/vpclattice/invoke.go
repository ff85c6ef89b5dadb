package vpclattice

import (
	"slices"

	"github.com/google/uuid"

	"trellis/internal/function"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// latticePrincipal is who invokes functions on behalf of target groups.
const latticePrincipal = "vpc-lattice.amazonaws.com"

// permitInvoke adds the statement to a function's policy that lets the target group invoke it, or says why it cannot.
func (q *query) permitInvoke(tx *state.Tx, g *lattice.TargetGroup, target string) string {
	id, qualifier := function.Split(target)
	f, ok := state.Functions.Get(tx, id)
	if ok {
		_, ok = f.Resolve(qualifier)
	}
	if !ok || f.Owner != q.Owner {
		return "The function does not exist in this account and region"
	}
	if slices.ContainsFunc(f.Permissions, func(p function.Permission) bool { return isPermit(p, g, qualifier) }) {
		return ""
	}
	f.Permissions = append(slices.Clone(f.Permissions), function.Permission{Qualifier: qualifier, StatementID: statementID(g), Action: "lambda:InvokeFunction",
		Principal: latticePrincipal, SourceARN: g.ARN()})
	f.PolicyRev = uuid.NewString()
	state.Functions.Put(tx, f)
	return ""
}

func statementID(g *lattice.TargetGroup) string { return "vpc-lattice-" + g.ID }

func isPermit(p function.Permission, g *lattice.TargetGroup, qualifier string) bool {
	return p.Principal == latticePrincipal && p.SourceARN == g.ARN() && p.Qualifier == qualifier
}

// forbidInvoke takes the statement that permitInvoke added out of a function's policy.
func forbidInvoke(tx *state.Tx, g *lattice.TargetGroup, target string) {
	id, qualifier := function.Split(target)
	f, ok := state.Functions.Get(tx, id)
	if !ok || f.Owner != g.Owner {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(f.Permissions), func(p function.Permission) bool {
		return isPermit(p, g, qualifier) && p.StatementID == statementID(g)
	})
	if len(kept) == len(f.Permissions) {
		return
	}
	f.Permissions, f.PolicyRev = kept, uuid.NewString()
	state.Functions.Put(tx, f)
}
