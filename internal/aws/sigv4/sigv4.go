// Package sigv4 verifies AWS Signature Version 4 on HTTP requests, in the
// Authorization header or as a presigned query. It writes no state but its own
// cache of derived keys.
package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problem says what is wrong with a signature.
type Problem uint8

const (
	Missing    Problem = iota + 1 // the request carries no signature
	Incomplete                    // parts are missing or malformed
	Expired                       // outside the clock allowance or past X-Amz-Expires
	NotYet                        // signed in the future
	Scope                         // the credential scope does not fit the request
	Mismatch                      // the signature is wrong
)

// Error is a signature that does not hold.
type Error struct {
	Problem Problem
	Message string
}

func (e *Error) Error() string { return e.Message }

func failed(p Problem, format string, args ...any) *Error {
	return &Error{Problem: p, Message: fmt.Sprintf(format, args...)}
}

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeForm   = "20060102T150405Z"
	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour

	// Unsigned is the payload hash of a request whose body is not signed.
	Unsigned = "UNSIGNED-PAYLOAD"
)

// Signature is what a request says about how it was signed.
type Signature struct {
	AccessKey string
	Day       string // of the scope, YYYYMMDD
	Region    string
	Service   string
	Token     string // session token, empty for long-lived keys
	Time      time.Time
	Presigned bool

	stamp   string // Time as sent
	expires time.Duration
	headers []string
	value   string
}

// Parse reads the signature of a request without judging it. An unsigned
// request answers an Error with Problem Missing.
func Parse(r *http.Request) (*Signature, error) {
	if auth := r.Header.Values("Authorization"); len(auth) > 0 {
		if len(auth) > 1 {
			return nil, failed(Incomplete, "Authorization header must be sent once.")
		}
		return parseHeader(r, auth[0])
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-") {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, failed(Incomplete, "The query string is malformed.")
		}
		if q.Has("X-Amz-Signature") || q.Has("X-Amz-Algorithm") {
			return parseQuery(q)
		}
	}
	return nil, failed(Missing, "Request is missing Authentication Token")
}

func parseHeader(r *http.Request, auth string) (*Signature, error) {
	kind, rest, _ := strings.Cut(auth, " ")
	if kind != algorithm {
		return nil, failed(Incomplete, "Unsupported signing algorithm in the Authorization header; use %s.", algorithm)
	}
	var credential, headers, value string
	for part := range strings.SplitSeq(rest, ",") {
		name, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		var into *string
		switch name {
		case "Credential":
			into = &credential
		case "SignedHeaders":
			into = &headers
		case "Signature":
			into = &value
		}
		if !ok || into == nil || *into != "" {
			return nil, failed(Incomplete, "Authorization header is not in the form '%s Credential=..., SignedHeaders=..., Signature=...'.", algorithm)
		}
		*into = v
	}
	for _, p := range []struct{ name, v string }{{"Credential", credential}, {"Signature", value}, {"SignedHeaders", headers}} {
		if p.v == "" {
			return nil, failed(Incomplete, "Authorization header requires '%s' parameter.", p.name)
		}
	}
	s := &Signature{value: value, Token: r.Header.Get("X-Amz-Security-Token")}
	if err := s.fill(credential, headers); err != nil {
		return nil, err
	}
	if stamp := r.Header.Get("X-Amz-Date"); stamp != "" {
		return s, s.at(stamp)
	}
	date := r.Header.Get("Date")
	if date == "" {
		return nil, failed(Incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	t, err := http.ParseTime(date)
	if err != nil {
		return s, s.at(date)
	}
	return s, s.at(t.UTC().Format(timeForm))
}

func parseQuery(q url.Values) (*Signature, error) {
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if len(q[name]) != 1 || q.Get(name) == "" {
			return nil, failed(Incomplete, "AWS query-string parameters must include '%s' once.", name)
		}
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, failed(Incomplete, "Unsupported signing algorithm in X-Amz-Algorithm; use %s.", algorithm)
	}
	s := &Signature{Presigned: true, value: q.Get("X-Amz-Signature"), Token: q.Get("X-Amz-Security-Token"), expires: maxSkew}
	if v := q.Get("X-Amz-Expires"); v != "" {
		seconds, err := strconv.Atoi(v)
		if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > maxExpires {
			return nil, failed(Incomplete, "X-Amz-Expires must be a number of seconds of at most a week.")
		}
		s.expires = time.Duration(seconds) * time.Second
	}
	if err := s.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders")); err != nil {
		return nil, err
	}
	return s, s.at(q.Get("X-Amz-Date"))
}

// fill reads the credential scope and the list of signed headers.
func (s *Signature) fill(credential, headers string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || slices.Contains(parts, "") {
		return failed(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", shown(credential))
	}
	s.AccessKey, s.Day, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	if parts[4] != "aws4_request" {
		return failed(Scope, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", shown(parts[4]))
	}
	if !plain(s.Region) || !plain(s.Service) || len(s.AccessKey) > 128 {
		return failed(Incomplete, "Credential names no valid key, region or service.")
	}
	s.headers = strings.Split(headers, ";")
	for i, h := range s.headers {
		if h == "" || h != strings.ToLower(h) || i > 0 && s.headers[i-1] >= h {
			return failed(Incomplete, "SignedHeaders must be lower-case header names, sorted and separated by ';'.")
		}
	}
	if !slices.Contains(s.headers, "host") {
		return failed(Mismatch, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

func (s *Signature) at(stamp string) error {
	t, err := time.Parse(timeForm, stamp)
	if err != nil {
		return failed(Incomplete, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", shown(stamp))
	}
	s.Time, s.stamp = t, stamp
	if stamp[:8] != s.Day {
		return failed(Scope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", shown(s.Day), stamp[:8], stamp)
	}
	return nil
}

// CheckTime reports whether the signature is of now.
func (s *Signature) CheckTime(now time.Time) error {
	now = now.UTC()
	if limit := s.Time.Add(s.expires); s.Presigned && now.After(limit) {
		return failed(Expired, "Signature expired: %s is now earlier than %s (%s - %d min.)", s.stamp,
			now.Add(-s.expires).Format(timeForm), now.Format(timeForm), int(s.expires.Minutes()))
	}
	if !s.Presigned && now.Sub(s.Time) > maxSkew {
		return failed(Expired, "Signature expired: %s is now earlier than %s (%s - 15 min.)", s.stamp,
			now.Add(-maxSkew).Format(timeForm), now.Format(timeForm))
	}
	if s.Time.Sub(now) > maxSkew {
		return failed(NotYet, "Signature not yet current: %s is still later than %s (%s + 15 min.)", s.stamp,
			now.Add(maxSkew).Format(timeForm), now.Format(timeForm))
	}
	return nil
}

// ProblemOf is the problem an error of this package stands for, zero for other
// errors.
func ProblemOf(err error) Problem {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem
	}
	return 0
}

func plain(s string) bool {
	if len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// shown keeps what is echoed to a caller short.
func shown(s string) string {
	if len(s) > 128 {
		return s[:128] + "..."
	}
	return s
}
