// Package iam owns the IAM policy language: it parses policy documents strictly, compiles them into an immutable form and
// decides requests against them, with reasons. It is pure and keeps no state; whoever stores a document keeps the compiled
// [Policy] beside it.
//
// # Three values
//
// Every element of a statement is evaluated to yes, no or unsure. An Allow applies only when all of its elements say yes; a
// Deny applies unless one of them says no. What cannot be evaluated, or could be read in two ways, is therefore refused and
// never allowed. Unsure are:
//
//   - a resource or a condition key whose value the request declares unavailable, which is not the same as absent;
//   - a plain operator on a key with several values that do not agree (?q=blue&q=green under StringEquals): an Allow wants
//     every value to satisfy the operator, a Deny any of them. ForAnyValue and ForAllValues are the forms made for such keys
//     and work as AWS documents;
//   - a request value that the operator cannot read, such as text under NumericLessThan;
//   - ForAllValues over nothing but empty strings, which AWS may take for an empty set;
//   - NotResource with a policy variable that has no value.
//
// # Choices where AWS is silent or varies
//
//   - Condition keys are case-insensitive, and so is what follows the slash in RequestHeader/NAME and in tag keys. The key of
//     vpc-lattice-svcs:RequestQueryString/KEY is case-sensitive, because query keys are.
//   - "*" and "?" in Resource, Action and the Like operators match any characters, colons and slashes included. ArnLike and
//     ArnEquals compare the six parts of an ARN one by one.
//   - {"AWS": "*"} means the same as "*", but an Allow to it does not reach service principals.
//   - NotPrincipal is accepted with Deny only. It exempts a caller when all its identities are listed: account, role, session.
//   - A principal is kept as the ARN that was written, so a role that is deleted and made again is trusted again.
package iam
