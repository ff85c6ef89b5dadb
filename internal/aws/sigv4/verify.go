package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Verify reports whether the request was signed with the secret. The body is
// what the request carried; keys may be nil.
func (s *Signature) Verify(r *http.Request, body []byte, secret string, keys *Keys) error {
	claimed, err := hex.DecodeString(s.value)
	if err != nil || len(claimed) != sha256.Size {
		return mismatch()
	}
	payload, err := s.payloadHash(r, body)
	if err != nil {
		return err
	}
	headers, err := s.canonicalHeaders(r)
	if err != nil {
		return err
	}
	query, err := s.canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	key := keys.derive(s, secret)
	mac := hmac.New(sha256.New, key[:])
	var sum [sha256.Size]byte
	for _, path := range canonicalPaths(r.URL.EscapedPath()) {
		canonical := make([]byte, 0, 512)
		for _, part := range []string{r.Method, path, query, headers} {
			canonical = append(append(canonical, part...), '\n')
		}
		canonical = appendJoined(canonical, s.headers)
		canonical = append(append(canonical, '\n'), payload...)
		hash := sha256.Sum256(canonical)

		text := make([]byte, 0, 192)
		text = append(append(append(text, algorithm+"\n"...), s.stamp...), '\n')
		text = append(append(append(append(append(append(text, s.Day...), '/'), s.Region...), '/'), s.Service...), "/aws4_request\n"...)
		text = hex.AppendEncode(text, hash[:])
		mac.Reset()
		mac.Write(text)
		if subtle.ConstantTimeCompare(mac.Sum(sum[:0]), claimed) == 1 {
			return nil
		}
	}
	return mismatch()
}

func mismatch() *Error {
	return failed(Mismatch, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// payloadHash is the hash that was signed. A hash the client sent must be true.
func (s *Signature) payloadHash(r *http.Request, body []byte) (string, error) {
	sent := r.Header.Get("X-Amz-Content-Sha256")
	if sent == Unsigned {
		return sent, nil
	}
	if strings.HasPrefix(sent, "STREAMING-") {
		return "", failed(Incomplete, "Chunked payload signatures are not supported: send the payload's hash or %s.", Unsigned)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if sent != "" && sent != hash {
		return "", mismatch()
	}
	return hash, nil
}

func (s *Signature) canonicalHeaders(r *http.Request) (string, error) {
	if r.Header.Get("X-Amz-Target") != "" && !slices.Contains(s.headers, "x-amz-target") {
		return "", failed(Mismatch, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")
	}
	b := make([]byte, 0, 256)
	for _, name := range s.headers {
		b = append(append(b, name...), ':')
		switch name {
		case "host":
			b = append(b, r.Host...)
		case "content-length":
			b = strconv.AppendInt(b, max(r.ContentLength, 0), 10)
		default:
			values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
			if len(values) == 0 {
				return "", failed(Mismatch, "'%s' is named as a SignedHeader, but it does not exist in the HTTP request.", shown(name))
			}
			for i, v := range values {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendFolded(b, v)
			}
		}
		b = append(b, '\n')
	}
	return string(b), nil
}

// appendFolded trims a header value and folds runs of spaces.
func appendFolded(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	for i := range len(v) {
		if v[i] == ' ' && i > 0 && v[i-1] == ' ' {
			continue
		}
		b = append(b, v[i])
	}
	return b
}

func (s *Signature) canonicalQuery(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return "", failed(Incomplete, "The query string is malformed.")
		}
		if s.Presigned && n == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{escaped(n, false), escaped(value, false)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	b := make([]byte, 0, len(raw)+16)
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return string(b), nil
}

// canonicalPaths lists what clients sign for an escaped path: escaped once
// more, as most do; the same after removing empty and dot segments, as botocore
// does; and as it is, as simple clients do.
func canonicalPaths(path string) []string {
	if path == "" {
		path = "/"
	}
	paths := []string{escaped(path, true)}
	if strings.Contains(path, "//") || strings.Contains(path, "/.") {
		paths = append(paths, escaped(normalised(path), true))
	}
	if paths[0] != path {
		paths = append(paths, path)
	}
	return paths
}

func normalised(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// escaped percent-encodes all but unreserved characters, and '/' on request.
func escaped(s string, keepSlash bool) string {
	literal := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == '~' || c == '/' && keepSlash
	}
	n := 0
	for i := range len(s) {
		if !literal(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; literal(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func appendJoined(b []byte, list []string) []byte {
	for i, s := range list {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, s...)
	}
	return b
}

// Keys keeps derived signing keys, which cost four HMACs each and stay the same
// for a day. The zero value is ready; it may be used by many goroutines.
type Keys struct {
	mu     sync.RWMutex
	recent map[scope]derived
	older  map[scope]derived
}

type scope struct{ accessKey, day, region, service string }

type derived struct {
	secret string
	key    [sha256.Size]byte
}

const keysPerGeneration = 1024

func (k *Keys) derive(s *Signature, secret string) [sha256.Size]byte {
	if k == nil {
		return derive(s, secret)
	}
	at := scope{s.AccessKey, s.Day, s.Region, s.Service}
	k.mu.RLock()
	d, ok := k.recent[at]
	k.mu.RUnlock()
	if ok && d.secret == secret {
		return d.key
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if d, ok = k.older[at]; !ok || d.secret != secret {
		d = derived{secret, derive(s, secret)}
	}
	if k.recent == nil || len(k.recent) >= keysPerGeneration {
		k.older, k.recent = k.recent, map[scope]derived{}
	}
	at = scope{strings.Clone(at.accessKey), strings.Clone(at.day), strings.Clone(at.region), strings.Clone(at.service)}
	k.recent[at] = d
	return d.key
}

func derive(s *Signature, secret string) (key [sha256.Size]byte) {
	k := append([]byte("AWS4"), secret...)
	for _, part := range []string{s.Day, s.Region, s.Service, "aws4_request"} {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(part))
		k = mac.Sum(nil)
	}
	copy(key[:], k)
	return key
}
