package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

// patience is how long any answer may take, however busy the machine.
const patience = 20 * time.Second

// wrong says what is wrong with an answer, empty if nothing: it is well-formed, and an error is one that the operation's model declares
// or that every operation of its API has.
func wrong(s *model.Service, op *model.Operation, a forge.Answer) string {
	declared := func(code string) bool {
		return slices.ContainsFunc(s.Errors, func(e model.Error) bool {
			return e.Code == code && e.Status == a.Status && slices.Contains(op.Errors, e.Name)
		})
	}
	if improper := a.Improper(); improper != "" && !declared(a.Code) {
		return improper
	}
	if !utf8.ValidString(a.Body) {
		return "it is not UTF-8"
	}
	if kind := a.Header.Get("Content-Type"); strings.Contains(kind, "xml") {
		d := xml.NewDecoder(strings.NewReader(a.Body))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err.Error()
			}
		}
	} else if a.Body != "" && strings.Contains(kind, "json") && a.Status >= 300 && !json.Valid([]byte(a.Body)) {
		return "it is not JSON"
	}
	if a.Status >= 300 && !declared(a.Code) && !common(s, a.Code) {
		return "the operation has no such error"
	}
	return ""
}

// Every operation is asked with everything that is wrong with its input in one way: it is refused as the model says, and never with a
// fault of the server.
func TestBrokenInputs(t *testing.T) {
	w := newWorld(t)
	w.open(t, "111111111111")
	w.open(t, "222222222222")
	e := w.populate(t, "111111111111", "222222222222", "owner", true)
	for _, name := range slices.Sorted(maps.Keys(w.apis)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.apis[name]
			b := &breaker{scratch: w.fork(t), script: newScript(t), has: e, codes: map[string]int{}}
			for _, op := range slices.Sorted(maps.Keys(a.operations)) {
				b.operation(t, a, a.operations[op])
			}
			t.Logf("%d inputs of %d operations, %d taken: %v", b.asked, len(a.operations), b.taken, b.codes)
			if b.asked < 10*len(a.operations) || b.taken*2 > b.asked {
				t.Errorf("%d inputs, %d taken: the generator breaks nothing", b.asked, b.taken)
			}
		})
	}
}

type breaker struct {
	scratch      *world
	script       *estate.Script
	has          estate.Estate
	asked, taken int
	codes        map[string]int
}

func (b *breaker) operation(t *testing.T, a *api, op *model.Operation) {
	by, in := b.script.Call(a.Service, op, b.has)
	turns := 1
	if everything {
		turns = 7
	}
	k := &forge.Maker{Service: a.Service, Known: b.script.Known(b.has)}
	for k.Turn = range turns {
		k.Break(op, in, func(broken forge.Broken) bool {
			b.ask(t, a, op, by, broken.How+" at "+broken.Path, forge.Encode(a.Service, op, broken.In), broken.Refused)
			return true
		})
	}
	whole := forge.Encode(a.Service, op, in)
	for _, sent := range spoilt(a.Service, op, whole) {
		b.ask(t, a, op, by, sent.how, sent.message, sent.refused)
	}
	b.scratch.settle(t)
	b.scratch = b.scratch.anew(t)
}

func (b *breaker) ask(t *testing.T, a *api, op *model.Operation, by, how string, m forge.Message, refused bool) {
	started := time.Now()
	got := b.scratch.send(by, a.Service, m)
	b.asked++
	b.codes[got.Code]++
	if got.Status < 300 {
		b.taken++
	}
	fault := wrong(a.Service, op, got)
	switch {
	case fault != "":
	case refused && got.Status < 300:
		fault = "the model does not allow it"
	case time.Since(started) > patience:
		fault = "it took too long"
	}
	if fault != "" {
		t.Errorf("%s, %s: %s\n%d %s %s\n%s %.300s %.700s", op.Name, how, fault, got.Status, got.Code, got.Message, m.Method, m.Target, m.Body)
	}
}

type spoiltMessage struct {
	how     string
	message forge.Message
	refused bool
}

// spoilt are messages that are broken as such.
func spoilt(s *model.Service, op *model.Operation, m forge.Message) []spoiltMessage {
	var out []spoiltMessage
	add := func(how string, m forge.Message, refused bool) {
		out = append(out, spoiltMessage{how, m, refused})
	}
	body := func(text string) forge.Message {
		c := m
		c.Body = []byte(text)
		return c
	}
	form := s.Protocol == model.Query || s.Protocol == model.EC2Query
	add("another content type", m.With("Content-Type", "text/plain"), false)
	without := m
	without.Header = m.Header.Clone()
	without.Header.Del("Content-Type")
	add("no content type", without, false)
	if form {
		add("a body cut short", body(string(m.Body)+"&a=%4"), true)
		add("bad UTF-8 in the body", body(string(m.Body)+"&a=%ff%fe"), s.Protocol == model.EC2Query)
		add("every number in a list", body(string(m.Body)+"&Filter.99999999999.Name=a"), false)
		add("a parameter twice", body(string(m.Body)+"&"+string(m.Body)), false)
		return out
	}
	if m.Method == http.MethodGet || m.Method == http.MethodDelete || op.Input == "" || s.Shape(op.Input).Payload != "" || len(s.Shape(op.Input).Members) == 0 {
		return out
	}
	full := string(m.Body)
	add("a body cut short", body(full[:max(len(full)-1, 0)]+" "), true)
	add("more after the body", body(full+"{}"), false)
	add("a list for a body", body("[]"), true)
	add("a text for a body", body(`"a"`), true)
	add("bad UTF-8 in the body", body("{\"\xff\": 1}"), false)
	add("a comment in the body", body("{/**/}"), true)
	add("a body nested deeply", body(strings.Repeat(`{"a":`, 100_000)), true)
	add("a body of nothing", body("null"), false)
	if strings.HasPrefix(full, "{\"") {
		add("every member twice", body("{"+strings.TrimSuffix(full[1:], "}")+","+full[1:]), false)
	}
	return out
}
