package sigv4

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var signedAt = time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)

type vector struct {
	Name, Method, URL, Body string
	Headers                 map[string]string
}

// vectors are requests that botocore signed at signedAt.
func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// text is what travelled.
func (v vector) text() string {
	target := strings.TrimPrefix(v.URL, "http://127.0.0.1:4566")
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:4566\r\n", v.Method, target)
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		text += name + ": " + v.Headers[name] + "\r\n"
	}
	return text + "\r\n" + v.Body
}

// request is what a server would have read.
func (v vector) request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(v.text())))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func verify(r *http.Request, body, secret string, now time.Time, keys *Keys) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	if err := s.CheckTime(now); err != nil {
		return err
	}
	return s.Verify(r, []byte(body), secret, keys)
}

func TestBotocore(t *testing.T) {
	var keys Keys
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			if err := verify(v.request(t), v.Body, secret, signedAt, &keys); err != nil {
				t.Fatal(err)
			}
			s, err := Parse(v.request(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.Region != "eu-west-1" || s.Day != "20240305" || !s.Time.Equal(signedAt) {
				t.Errorf("parsed %+v", s)
			}
		})
	}
}

func TestTampered(t *testing.T) {
	for _, v := range vectors(t) {
		changes := map[string]func(*vector){
			"method": func(v *vector) { v.Method = "PATCH" },
			"path":   func(v *vector) { v.URL = strings.Replace(v.URL, ":4566/", ":4566/z", 1) },
			"query": func(v *vector) {
				sep := "?"
				if strings.Contains(v.URL, "?") {
					sep = "&"
				}
				v.URL += sep + "added=1"
			},
			"body": func(v *vector) { v.Body += "x" },
		}
		for name, change := range changes {
			t.Run(v.Name+"/"+name, func(t *testing.T) {
				changed := v
				change(&changed)
				if err := verify(changed.request(t), changed.Body, secret, signedAt, nil); ProblemOf(err) != Mismatch {
					t.Errorf("got %v", err)
				}
			})
		}
		t.Run(v.Name+"/secret", func(t *testing.T) {
			if err := verify(v.request(t), v.Body, secret+"x", signedAt, nil); ProblemOf(err) != Mismatch {
				t.Errorf("got %v", err)
			}
		})
		t.Run(v.Name+"/host", func(t *testing.T) {
			r := v.request(t)
			r.Host = "localhost:4566"
			if err := verify(r, v.Body, secret, signedAt, nil); ProblemOf(err) != Mismatch {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSDKSigner(t *testing.T) {
	sign := signer.NewSigner()
	for _, tt := range []struct{ name, method, url, body, payload string }{
		{"get", "GET", "http://localhost:4566/services/svc-1", "", ""},
		{"escaped label", "GET", "http://localhost:4566/tags/arn%3Aaws%3Ax%3A%3A1%3Aa%2Fb%20c?tagKeys=a+b&tagKeys=%2F&empty", "", ""},
		{"body", "POST", "http://localhost:4566/services", `{"name":"x"}`, ""},
		{"empty path", "POST", "http://localhost:4566", `Action=X`, ""},
		{"unsigned payload", "POST", "http://localhost:4566/services", `{"name":"x"}`, Unsigned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			hash := tt.payload
			if hash == "" {
				sum := sha256.Sum256([]byte(tt.body))
				hash = hex.EncodeToString(sum[:])
			} else {
				r.Header.Set("X-Amz-Content-Sha256", hash)
			}
			if err := sign.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret}, r, hash, "vpc-lattice", "us-west-2", signedAt); err != nil {
				t.Fatal(err)
			}
			if err := verify(r, tt.body, secret, signedAt, nil); err != nil {
				t.Error(err)
			}
			if err := verify(r, tt.body+" ", secret, signedAt, nil); (err == nil) != (hash == Unsigned) {
				t.Errorf("a changed body answers %v", err)
			}
		})
	}
	t.Run("presigned", func(t *testing.T) {
		r, _ := http.NewRequest("GET", "http://localhost:4566/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
		sum := sha256.Sum256(nil)
		signed, _, err := sign.PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret, SessionToken: "t/+="}, r, hex.EncodeToString(sum[:]), "sts", "us-west-2", signedAt)
		if err != nil {
			t.Fatal(err)
		}
		r, _ = http.NewRequest("GET", signed, nil)
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if s.Token != "t/+=" || !s.Presigned {
			t.Errorf("parsed %+v", s)
		}
		if err := s.Verify(r, nil, secret, nil); err != nil {
			t.Error(err)
		}
		for _, tt := range []struct {
			after time.Duration
			want  Problem
		}{{0, 0}, {59 * time.Second, 0}, {61 * time.Second, Expired}, {-14 * time.Minute, 0}, {-16 * time.Minute, NotYet}} {
			if got := ProblemOf(s.CheckTime(signedAt.Add(tt.after))); got != tt.want {
				t.Errorf("%s after signing: problem %d, want %d", tt.after, got, tt.want)
			}
		}
	})
}

func TestParse(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20240305/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	for _, tt := range []struct {
		name, auth, date, query string
		want                    Problem
	}{
		{name: "good", auth: good, date: "20240305T060708Z"},
		{name: "no spaces", auth: strings.ReplaceAll(good, ", ", ","), date: "20240305T060708Z"},
		{name: "nothing", want: Missing},
		{name: "basic", auth: "Basic Zm9vOmJhcg==", want: Incomplete},
		{name: "no signature", auth: strings.Replace(good, ", Signature=00", "", 1), want: Incomplete},
		{name: "no credential", auth: "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", want: Incomplete},
		{name: "twice", auth: good + ", Signature=11", want: Incomplete},
		{name: "short scope", auth: strings.Replace(good, "/sts/", "/", 1), want: Incomplete},
		{name: "empty key", auth: strings.Replace(good, "AKID", "", 1), want: Incomplete},
		{name: "odd region", auth: strings.Replace(good, "us-east-1", "us_east_1", 1), want: Incomplete},
		{name: "terminator", auth: strings.Replace(good, "aws4_request", "aws5_request", 1), want: Scope},
		{name: "host unsigned", auth: strings.Replace(good, "host;", "", 1), want: Mismatch},
		{name: "headers unsorted", auth: strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1), want: Incomplete},
		{name: "no date", auth: good, want: Incomplete},
		{name: "bad date", auth: good, date: "yesterday", want: Incomplete},
		{name: "other day", auth: good, date: "20240306T060708Z", want: Scope},
		{name: "query without date", query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a", want: Incomplete},
		{name: "query forever", query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=604801", want: Incomplete},
		{name: "query algorithm", query: "X-Amz-Algorithm=none&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-SignedHeaders=host&X-Amz-Signature=00", want: Incomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: tt.query}}
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.date != "" {
				r.Header.Set("X-Amz-Date", tt.date)
			}
			if _, err := Parse(r); ProblemOf(err) != tt.want {
				t.Errorf("got %v, want problem %d", err, tt.want)
			}
		})
	}
}

func TestCheckTime(t *testing.T) {
	v := vectors(t)[0]
	for _, tt := range []struct {
		after time.Duration
		want  Problem
	}{{0, 0}, {15 * time.Minute, 0}, {15*time.Minute + time.Second, Expired}, {-15 * time.Minute, 0}, {-16 * time.Minute, NotYet}} {
		if err := verify(v.request(t), v.Body, secret, signedAt.Add(tt.after), nil); ProblemOf(err) != tt.want {
			t.Errorf("%s after signing: %v, want problem %d", tt.after, err, tt.want)
		}
	}
}

func TestUnsignedTarget(t *testing.T) {
	v := vectors(t)[0]
	v.Headers["X-Amz-Target"] = "Logs_20140328.DeleteLogGroup"
	if err := verify(v.request(t), v.Body, secret, signedAt, nil); ProblemOf(err) != Mismatch {
		t.Errorf("got %v", err)
	}
}

func TestKeysStayBounded(t *testing.T) {
	var keys Keys
	for i := range 5 * keysPerGeneration {
		s := &Signature{AccessKey: "AKID", Day: fmt.Sprint(i), Region: "r", Service: "s"}
		if keys.derive(s, secret) != derive(s, secret) {
			t.Fatal("a cached key differs")
		}
	}
	if n := len(keys.recent) + len(keys.older); n > 2*keysPerGeneration {
		t.Errorf("%d keys are kept", n)
	}
	s := &Signature{AccessKey: "AKID", Day: "20240305", Region: "r", Service: "s"}
	keys.derive(s, "old")
	if keys.derive(s, "new") != derive(s, "new") {
		t.Error("a replaced secret is not noticed")
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Headers["Authorization"], v.Headers["X-Amz-Date"], strings.TrimPrefix(v.URL, "http://127.0.0.1:4566"))
	}
	f.Fuzz(func(t *testing.T, auth, date, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip()
		}
		r := &http.Request{Method: "GET", Host: "localhost", URL: u, Header: http.Header{"X-Amz-Date": {date}}}
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		s, err := Parse(r)
		if err != nil {
			if ProblemOf(err) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if s.AccessKey == "" || s.Region == "" || s.Service == "" || s.Time.IsZero() {
			t.Fatalf("accepted %+v", s)
		}
		if s.Verify(r, nil, "a secret nobody signed with", nil) == nil {
			t.Fatal("verified")
		}
	})
}

// FuzzVerify holds that what verifies is what somebody signed, but for how it is spelled: the order of a query's pairs, dots in a
// path, and one escaping more or less of it, since clients differ in that.
func FuzzVerify(f *testing.F) {
	signed := vectors(f)
	for _, v := range signed {
		f.Add(v.text(), v.Body)
		f.Add(strings.Replace(v.text(), " HTTP/1.1", "&a=b HTTP/1.1", 1), v.Body)
		f.Add(strings.Replace(v.text(), "\r\n\r\n", "\r\nX-Amz-Target: Other\r\n\r\n", 1), v.Body)
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		s, err := Parse(r)
		if err != nil || s.Verify(r, []byte(body), secret, nil) != nil {
			return
		}
		if !slices.ContainsFunc(signed, func(v vector) bool { return alike(r, v.request(t), s.headers) && body == v.Body }) {
			t.Errorf("nobody signed %q with %q", text, body)
		}
	})
}

// alike says that two requests ask for the same, and say the same in the headers of those names.
func alike(a, b *http.Request, headers []string) bool {
	path := func(r *http.Request) string {
		p := normalised(r.URL.Path)
		if again, err := url.PathUnescape(p); err == nil {
			p = normalised(again)
		}
		return p
	}
	query := func(r *http.Request) url.Values {
		q := r.URL.Query()
		for _, values := range q {
			slices.Sort(values)
		}
		return q
	}
	for _, name := range headers {
		words := func(r *http.Request) []string { return strings.Fields(strings.Join(r.Header.Values(name), ",")) }
		if name != "host" && name != "content-length" && !slices.Equal(words(a), words(b)) {
			return false
		}
	}
	return a.Method == b.Method && a.Host == b.Host && path(a) == path(b) && reflect.DeepEqual(query(a), query(b))
}

func BenchmarkVerify(b *testing.B) {
	v := vectors(b)[0]
	r := v.request(b)
	var keys Keys
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(r, nil, secret, &keys); err != nil {
			b.Fatal(err)
		}
	}
}
