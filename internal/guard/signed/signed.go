// Package signed verifies who signed a request to a VPC Lattice service. It keeps no state but derived signing keys.
package signed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"trellis/internal/aws/sigv4"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/guard"
	"trellis/internal/iam"
	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// signingName is the service that requests to Lattice services are signed for.
const signingName = "vpc-lattice-svcs"

// Identities knows who signs.
type Identities interface {
	// Lookup returns the secret of an access key and whom it belongs to.
	Lookup(ctx context.Context, accessKey, token string) (secret string, who caller.Caller, err error)
	// Principal returns the caller in the form policies know, and what it may do by itself.
	Principal(who *caller.Caller) (iam.Principal, iam.Entitlements, error)
}

// Authenticator verifies signatures. It implements proxy.Authenticator.
type Authenticator struct {
	identities Identities
	keys       sigv4.Keys
}

// New returns an Authenticator.
func New(identities Identities) *Authenticator {
	return &Authenticator{identities: identities}
}

func refuse(code, message string) error { return &proxy.AuthError{Code: code, Message: message} }

// Authenticate implements proxy.Authenticator. Nothing it returns refers to r's memory.
func (a *Authenticator) Authenticate(r *http1.Request, now time.Time) (*proxy.Principal, error) {
	req := convert(r)
	sig, err := sigv4.Parse(req)
	if err != nil {
		return nil, translate(err)
	}
	if sig.Service != signingName {
		return nil, refuse("InvalidSignatureException", "Credential should be scoped to correct service: '"+signingName+"'.")
	}
	if err := sig.CheckTime(now); err != nil {
		return nil, translate(err)
	}
	secret, who, err := a.identities.Lookup(context.Background(), sig.AccessKey, sig.Token)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Code == "ExpiredToken" {
			return nil, refuse("ExpiredTokenException", f.Message)
		}
		return nil, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if err := sig.Verify(req, nil, secret, &a.keys); err != nil {
		return nil, translate(err)
	}
	principal, entitlements, err := a.identities.Principal(&who)
	if err != nil {
		return nil, refuse("UnrecognizedClientException", "The caller's policies cannot be read.")
	}
	return &proxy.Principal{ARN: who.ARN, Session: who.Session, OrgID: principal.OrgID, Identity: guard.Identity(&entitlements), Subject: &principal}, nil
}

// convert copies what a signature covers into the form the verification reads.
func convert(r *http1.Request) *http.Request {
	req := &http.Request{Method: strings.Clone(r.Method), Host: strings.Clone(r.Host), Header: http.Header{}, URL: &url.URL{RawPath: strings.Clone(r.Path), RawQuery: strings.Clone(r.Query)}}
	req.URL.Path, _ = url.PathUnescape(req.URL.RawPath)
	for _, f := range r.Fields {
		req.Header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
	}
	return req
}

func translate(err error) error {
	code := "InvalidSignatureException"
	switch sigv4.ProblemOf(err) {
	case sigv4.Missing:
		code = "MissingAuthenticationTokenException"
	case sigv4.Incomplete:
		code = "IncompleteSignatureException"
	}
	return refuse(code, err.Error())
}
