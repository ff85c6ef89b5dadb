package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"trellis/internal/aws"
	"trellis/internal/strict"
	"trellis/test/forge"
)

// port is the APIs' port in this process: what serve listens with, before a world.
type port struct {
	*world
	address string
}

func listen(t *testing.T, p allowance) *port {
	t.Helper()
	w := newWorld(t)
	w.open(t, "111111111111")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := newWeb(front((&aws.Config{}).AnswersFor, w.handler, http.NotFoundHandler()), p, slog.New(slog.DiscardHandler))
	go func() { _ = web.Serve(strict.Listen(l)) }()
	t.Cleanup(func() { web.Close() })
	return &port{w, l.Addr().String()}
}

// tell sends bytes and answers what comes back until the server closes.
func (p *port) tell(t *testing.T, raw string) string {
	t.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, raw) // the server may have closed
	}()
	all, err := io.ReadAll(c)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Errorf("the server neither answers nor closes: %q", all)
	}
	c.Close()
	<-sent
	return string(all)
}

// signed is a request of an operation that a key of the account signed, as it travels.
func (p *port) signed(t *testing.T, key sdk.Credentials, api, operation string, in map[string]any) string {
	t.Helper()
	a := p.apis[api]
	m := forge.Encode(a.Service, a.operations[operation], in)
	r, err := http.NewRequest(m.Method, "http://"+p.address+m.Target, bytes.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = m.Header.Clone()
	sum := sha256.Sum256(m.Body)
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), a.SigningName, worldRegion, time.Now()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// answers are the status codes of the responses that stand one after another.
func answers(t *testing.T, all string) (codes []int) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(all))
	for {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			if rest, _ := io.ReadAll(r); len(rest) > 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("after %v follows %q: %v", codes, rest, err)
			}
			return codes
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("the body of an answer %d: %v", res.StatusCode, err)
		}
		if codes = append(codes, res.StatusCode); r.Buffered() == 0 {
			if _, err := r.Peek(1); err != nil {
				return codes
			}
		}
	}
}

// Whatever comes to the APIs' port gets one answer for each request, none of them a fault of the server. After what can be read in more
// ways than one, nothing more is read: the request that follows in the same breath stays without an answer.
func TestHostileHTTP(t *testing.T) {
	p := listen(t, usual)
	made := p.must(t, "111111111111", "iam", "CreateUser", map[string]any{"UserName": "one"})
	if made["User"] == nil {
		t.Fatal(made)
	}
	access := p.must(t, "111111111111", "iam", "CreateAccessKey", map[string]any{"UserName": "one"})["AccessKey"].(map[string]any)
	key := sdk.Credentials{AccessKeyID: access["AccessKeyId"].(string), SecretAccessKey: access["SecretAccessKey"].(string)}
	who := func() string {
		return p.signed(t, key, "sts", "GetCallerIdentity", map[string]any{})
	}
	const host = "Host: localhost\r\n"
	// next follows what is told, and last asks for the end.
	next := "GET /health HTTP/1.1\r\n" + host + "\r\n"
	last := "GET /health HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"
	if got := answers(t, p.tell(t, who()+next+last)); !slices.Equal(got, []int{200, 200, 200}) {
		t.Fatalf("what is right is answered %v", got)
	}
	post := "POST / HTTP/1.1\r\n" + host
	flood := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "x-%d: y\r\n", i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, raw string
		want      []int // what may be answered; none is that the server just closes
		goes      bool  // the request is whole, and its end beyond doubt: the next one is answered too
	}{
		{name: "two lengths", raw: post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", want: []int{400}},
		{name: "a list of lengths", raw: post + "Content-Length: 3, 4\r\n\r\nabcd", want: []int{400}},
		{name: "the same length twice", raw: post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", want: []int{400}},
		{name: "a negative length", raw: post + "Content-Length: -1\r\n\r\n", want: []int{400}},
		{name: "a signed length", raw: post + "Content-Length: +3\r\n\r\nabc", want: []int{400}},
		{name: "a length of spaces", raw: post + "Content-Length: 1 2\r\n\r\nabc", want: []int{400}},
		{name: "a length beyond numbers", raw: post + "Content-Length: 99999999999999999999\r\n\r\n", want: []int{400}},
		{name: "a length and a coding", raw: post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: []int{400, 403}},
		{name: "a coding and a length", raw: post + "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n", want: []int{400, 403}},
		{name: "two codings", raw: post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", want: []int{400, 501}},
		{name: "a coding that is none", raw: post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", want: []int{400, 501}},
		{name: "a coding that is not the last", raw: post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", want: []int{400, 501}},
		{name: "a coding behind a tab", raw: post + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", want: []int{400, 403, 501}},
		{name: "a coding with space before the colon", raw: post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", want: []int{400}},
		{name: "a coding in HTTP/1.0", raw: "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: []int{400, 403}},
		{name: "a size that is none", raw: chunked(who(), "zz\r\nabc\r\n0\r\n\r\n"), want: []int{400}},
		{name: "a size beyond numbers", raw: chunked(who(), "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"), want: []int{400}},
		{name: "a chunk longer than its size", raw: chunked(who(), "2\r\nabcdef\r\n0\r\n\r\n"), want: []int{400}},
		{name: "bare line feeds in chunks", raw: chunked(who(), "3\nabc\n0\n\n"), want: []int{400}},
		{name: "a bare line feed in an extension", raw: chunked(who(), "3;a\nb\r\nabc\r\n0\r\n\r\n"), want: []int{400}},
		{name: "bare line feeds", raw: "GET / HTTP/1.1\nHost: localhost\n\n", want: []int{400}},
		{name: "a bare carriage return", raw: "GET / HTTP/1.1\r\n" + host + "a: b\rc: d\r\n\r\n", want: []int{400}},
		{name: "a folded line", raw: "GET / HTTP/1.1\r\n" + host + "a: b\r\n c\r\n\r\n", want: []int{400}},
		{name: "a fold before any header", raw: "GET / HTTP/1.1\r\n " + host + "\r\n", want: []int{400}},
		{name: "a header without a colon", raw: "GET / HTTP/1.1\r\n" + host + "nothing\r\n\r\n", want: []int{400}},
		{name: "a header without a name", raw: "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n", want: []int{400}},
		{name: "a null byte in a value", raw: "GET / HTTP/1.1\r\n" + host + "a: b\x00c\r\n\r\n", want: []int{400}},
		{name: "a null byte in a name", raw: "GET / HTTP/1.1\r\n" + host + "a\x00: b\r\n\r\n", want: []int{400}},
		{name: "a control byte in the target", raw: "GET /\x01 HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "a space in the target", raw: "GET /a b HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "no version", raw: "GET /\r\n" + host + "\r\n", want: []int{400}},
		{name: "a version of two digits", raw: "GET / HTTP/1.10\r\n" + host + "\r\n", want: []int{400, 505}},
		{name: "a version to come", raw: "GET / HTTP/3.0\r\n" + host + "\r\n", want: []int{505}},
		{name: "no HTTP", raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", want: []int{400}},
		{name: "the preface of HTTP/2", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", want: []int{400, 403, 405, 421, 505}},
		{name: "an upgrade to HTTP/2", raw: "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", want: []int{403}, goes: true},
		{name: "an upgrade to WebSocket", raw: "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", want: []int{403}, goes: true},
		{name: "no Host", raw: "GET / HTTP/1.1\r\n\r\n", want: []int{400}},
		{name: "two Hosts", raw: "GET / HTTP/1.1\r\n" + host + host + "\r\n", want: []int{400}},
		{name: "a Host that is none", raw: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", want: []int{400}},
		{name: "an empty Host", raw: "GET / HTTP/1.1\r\nHost: \r\n\r\n", want: []int{421}, goes: true},
		{name: "another's Host", raw: "GET /health HTTP/1.1\r\nHost: trellis.example.com\r\n\r\n", want: []int{421}, goes: true},
		{name: "another's Host in absolute form", raw: "GET http://trellis.example.com/health HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "absolute form", raw: "GET http://localhost/ HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "a target that is no path", raw: "GET health HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "authority form", raw: "CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "authority form without the method", raw: "GET localhost:80 HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "asterisk form", raw: "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "a method that is none", raw: "G@T / HTTP/1.1\r\n" + host + "\r\n", want: []int{400}},
		{name: "a method of nobody", raw: "BREW / HTTP/1.1\r\n" + host + "\r\n", want: []int{403}, goes: true},
		{name: "TRACE", raw: "TRACE / HTTP/1.1\r\n" + host + "\r\n", want: []int{403}, goes: true},
		{name: "a long header", raw: "GET / HTTP/1.1\r\n" + host + "a: " + strings.Repeat("a", 2*maxHeader) + "\r\n\r\n", want: []int{431}},
		{name: "a long target", raw: "GET /" + strings.Repeat("a", 2*maxHeader) + " HTTP/1.1\r\n" + host + "\r\n", want: []int{431}},
		{name: "many headers", raw: "GET / HTTP/1.1\r\n" + host + flood(20_000) + "\r\n", want: []int{431}},
		{name: "many headers, no end", raw: "GET / HTTP/1.1\r\n" + host + flood(100_000), want: []int{431}},
		{name: "no signature", raw: post + "Content-Length: 3\r\n\r\nabc", want: []int{403}, goes: true},
		{name: "a method that was not signed", raw: strings.Replace(who(), "POST", "PUT", 1), want: []int{403}, goes: true},
		{name: "a body that was not signed", raw: strings.Replace(who(), "GetCallerIdentity", "GetAccessKeyInfo.", 1), want: []int{403}, goes: true},
		{name: "a body that was not signed, chunked", raw: chunked(who(), "b\r\nAction=Zzzz\r\n0\r\n\r\n"), want: []int{403}},
		{name: "a body too long", raw: regexp.MustCompile("Content-Length: [0-9]+").ReplaceAllString(who(), "Content-Length: 4194304") + strings.Repeat("a", 4<<20), want: []int{413}},
		{name: "a body too long, chunked", raw: chunked(who(), strings.Repeat("10000\r\n"+strings.Repeat("a", 1<<16)+"\r\n", 64)+"0\r\n\r\n"), want: []int{413}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := p.tell(t, c.raw+next+last)
			got := answers(t, all)
			whole := 1
			if c.goes {
				whole = 3
			}
			if len(got) != whole || !slices.Contains(c.want, got[0]) {
				t.Errorf("answered %v, want one of %v and %d in all\n%.600s", got, c.want, whole, all)
			}
			if shown := (forge.Answer{Status: 200, Body: all}).Improper(); shown != "" {
				t.Errorf("%s: %.600s", shown, all)
			}
		})
	}
	if got := answers(t, p.tell(t, who()+last)); !slices.Equal(got, []int{200, 200}) {
		t.Errorf("after all that, what is right is answered %v", got)
	}
}

// chunked is a request as it travels with another body, in chunks as they are given.
func chunked(request, chunks string) string {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	return regexp.MustCompile("Content-Length: [0-9]+").ReplaceAllString(head, "Transfer-Encoding: chunked") + "\r\n\r\n" + chunks
}
