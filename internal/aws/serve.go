package aws

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"trellis/internal/aws/model"
	"trellis/internal/aws/sigv4"
	"trellis/internal/aws/wire"
	"trellis/internal/caller"
	"trellis/internal/fault"
)

const (
	bodyLimit     = 1 << 20
	codeBodyLimit = 70 << 20 // a function's archive in base64, and the rest of its request
	// strangersLimit bounds what bodies longer than usual take together before it is known who signed them.
	strangersLimit = 512 << 20
)

// serve carries a request to its operation and writes the answer.
func (c *call) serve() error {
	sig, err := sigv4.Parse(c.r)
	if err != nil {
		return unsigned(c.envelope(), err)
	}
	if c.service = c.h.services[sig.Service]; c.service == nil {
		return unsigned(c.envelope(), &sigv4.Error{Problem: sigv4.Scope,
			Message: "Credential should be scoped to a service of this server, not '" + sig.Service + "'."})
	}
	if c.h.Admit != nil {
		if err := c.h.Admit(); err != nil {
			return err
		}
	}
	who, body, err := c.authenticate(sig)
	if err != nil {
		return err
	}
	req, err := c.route(body)
	if err != nil {
		return err
	}
	if c.op == nil || c.op.call == nil {
		c.notBuilt = true
		return notBuilt(c.service.Service, c.name)
	}
	if err := c.h.throttle.take(who, c.service.Package, c.op.action); err != nil {
		return err
	}
	codec, err := c.op.codec()
	if err != nil {
		return err
	}
	in, err := codec.Decode(req)
	if err != nil {
		return undecodable(c.service.Service, err)
	}
	out, err := c.h.do(caller.With(c.r.Context(), who), c.service, c.op, codec, in)
	if err != nil {
		return err
	}
	res := codec.Encode(out, c.w.Header(), c.id)
	if res.ContentType != "" {
		c.w.Header().Set("Content-Type", res.ContentType)
	}
	c.write(res.Status, res.Body)
	c.observe(res.Status, "")
	return nil
}

// Do performs an operation of an API for the caller in ctx, as a request of the
// caller's over HTTP would, but for the request: another API may ask so what a
// client could ask.
func (h *Handler) Do(ctx context.Context, m *model.Service, operation string, in any) (any, error) {
	s := h.services[m.SigningName]
	if s == nil || s.operations[operation] == nil || s.operations[operation].call == nil {
		return nil, notBuilt(m, operation)
	}
	op := s.operations[operation]
	codec, err := op.codec()
	if err != nil {
		return nil, err
	}
	return h.do(ctx, s, op, codec, in)
}

func (h *Handler) do(ctx context.Context, s *service, op *operation, codec *wire.Codec, in any) (any, error) {
	if found := codec.Validate(in); len(found) > 0 {
		return nil, invalid(s.Service, found)
	}
	if h.Authorizer != nil {
		if err := h.Authorizer.Authorize(ctx, op.action, in); err != nil {
			return nil, err
		}
	}
	if s.Protocol == model.EC2Query && dryRun(in) {
		return nil, fault.New(fault.Invalid, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	if s.ready != nil && !op.reads {
		if err := s.ready(ctx); err != nil {
			return nil, err
		}
	}
	out, err := op.call(ctx, in)
	if err == nil && out == nil {
		out = op.NewOutput()
	}
	return out, err
}

// authenticate reads the body and answers whose signature the request carries.
func (c *call) authenticate(sig *sigv4.Signature) (*caller.Caller, []byte, error) {
	m := c.service.Service
	ip, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		ip = c.r.RemoteAddr
	}
	secret, who, err := c.h.Credentials.Lookup(c.r.Context(), sig.AccessKey, sig.Token)
	verify := true
	if c.h.Dev && fault.Is(err, fault.NotFound) && net.ParseIP(ip).IsLoopback() {
		if account := conventional(sig.AccessKey); account != "" {
			who = caller.Caller{Account: account, Kind: caller.Root, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
			verify, err = false, nil
		}
	}
	if err != nil {
		return nil, nil, unknownKey(m, err)
	}
	if verify {
		if err := sig.CheckTime(c.h.Now()); err != nil {
			return nil, nil, unsigned(m, err)
		}
	}
	body, held, err := c.body()
	defer c.h.strangers.Add(-held)
	if err != nil {
		return nil, nil, err
	}
	if verify {
		if err := sig.Verify(c.r, body, secret, &c.h.keys); err != nil {
			return nil, nil, unsigned(m, err)
		}
	}
	who.Region, who.AccessKey, who.RequestID, who.Host, who.SourceIP, who.UserAgent = sig.Region, sig.AccessKey, c.id, c.r.Host, ip, c.r.UserAgent()
	return &who, body, nil
}

// conventional is the account that local AWS tools mean by an access key.
func conventional(key string) string {
	if key == "test" {
		return "000000000000"
	}
	if len(key) != 12 || strings.Trim(key, "0123456789") != "" {
		return ""
	}
	return key
}

// body reads the body. What it holds of strangersLimit is the caller's to give back, whatever the error.
func (c *call) body() (body []byte, held int64, err error) {
	limit := int64(bodyLimit)
	if c.service.Package == "lambda" {
		limit = codeBodyLimit
	}
	if c.r.ContentLength > limit {
		return nil, 0, tooLarge(limit)
	}
	if c.r.ContentLength == 0 || c.r.Body == nil || c.r.Body == http.NoBody {
		return nil, 0, nil
	}
	if n := c.r.ContentLength; n > 0 && n <= bodyLimit {
		body = make([]byte, n)
		_, err = io.ReadFull(c.r.Body, body)
	} else {
		body, held, err = c.longBody(limit)
	}
	var refused *fault.Error
	if err != nil && !errors.As(err, &refused) {
		err = fault.New(fault.Invalid, "", "The request body could not be read.")
	}
	return body, held, err
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "", "Request must be smaller than %d bytes", limit)
}

// longBody reads a body that may be longer than bodyLimit. What was announced takes no room before it comes.
func (c *call) longBody(limit int64) (body []byte, held int64, err error) {
	for {
		if len(body) == cap(body) {
			more := max(int64(len(body)), bodyLimit/2)
			if len(body) > 0 {
				held += more
				if c.h.strangers.Add(more) > strangersLimit {
					return nil, held, fault.New(fault.Unavailable, "", "Too many long requests are being read. Try again.")
				}
			}
			body = slices.Grow(body, int(more))
		}
		n, err := c.r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, held, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return body, held, nil
		case err != nil:
			return nil, held, err
		}
	}
}

// route finds the operation and what it is decoded from.
func (c *call) route(body []byte) (*wire.Request, error) {
	m := c.service.Service
	switch m.Protocol {
	case model.RESTJSON:
		name, labels, wrongMethod := c.service.router().find(c.r)
		if name == "" {
			e := unknownOperation(m, "", "")
			if wrongMethod {
				e.Message = "This path does not take the method " + shown(c.r.Method) + "."
			}
			return nil, e
		}
		c.name, c.op = name, c.service.operations[name]
		return &wire.Request{Labels: labels, Query: c.r.URL.RawQuery, Header: c.r.Header, Body: body}, nil
	case model.JSON10, model.JSON11:
		name, ok := strings.CutPrefix(c.r.Header.Get("X-Amz-Target"), m.TargetPrefix+".")
		if c.r.Method != http.MethodPost || !ok || !c.service.knows(name) {
			return nil, unknownOperation(m, name, "")
		}
		c.name, c.op = name, c.service.operations[name]
		return &wire.Request{Body: body}, nil
	}
	text := c.r.URL.RawQuery
	if c.r.Method == http.MethodPost && len(body) > 0 {
		text = string(body)
	} else if c.r.Method != http.MethodPost && c.r.Method != http.MethodGet {
		return nil, unknownOperation(m, "", "")
	}
	form, err := wire.ParseForm(text)
	if err != nil {
		return nil, undecodable(m, err)
	}
	if form.Action == "" || !c.service.knows(form.Action) || form.Version != "" && form.Version != m.APIVersion {
		return nil, unknownOperation(m, form.Action, form.Version)
	}
	c.name, c.op = form.Action, c.service.operations[form.Action]
	return &wire.Request{Form: form}, nil
}

// dryRun reports whether an EC2 input only asks if it would be allowed.
func dryRun(in any) bool {
	f := reflect.ValueOf(in).Elem().FieldByName("DryRun")
	if !f.IsValid() {
		return false
	}
	asked, _ := f.Interface().(*bool)
	return asked != nil && *asked
}

// undecodable words a request that does not parse.
func undecodable(m *model.Service, err error) error {
	var bad *wire.Malformed
	if !errors.As(err, &bad) {
		return err
	}
	e := fault.New(fault.Invalid, "SerializationException", "%s", bad.Message)
	switch m.Protocol {
	case model.EC2Query:
		switch {
		case bad.Unknown:
			e.Code = "UnknownParameter"
		case bad.Member == "":
			e.Code = "MalformedQueryString"
		default:
			e.Code = "InvalidParameterValue"
		}
	case model.Query:
		e.Code = "MalformedInput"
	case model.RESTJSON:
		switch m.Package {
		case "vpclattice":
			e.Code, e.Reason = "ValidationException", "cannotParse"
			if bad.Member != "" {
				e.Fields = []fault.Field{{Name: bad.Member, Message: bad.Message}}
			}
		case "lambda":
			e.Code = "InvalidRequestContentException"
			e.Message = "Could not parse request body into json: " + bad.Message
		}
	}
	return e
}

// invalid words constraint violations as the API does.
func invalid(m *model.Service, found []wire.Violation) *fault.Error {
	if m.Protocol == model.EC2Query {
		return invalidEC2(found[0])
	}
	e := &fault.Error{Kind: fault.Invalid, Message: violations(found)}
	switch m.Package {
	case "lambda":
		e.Code = "ValidationException"
	case "vpclattice":
		e.Reason = "fieldValidationFailed"
		for _, v := range found {
			e.Fields = append(e.Fields, fault.Field{Name: v.Path, Message: v.Constraint})
		}
	}
	return e
}
