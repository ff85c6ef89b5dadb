package soak

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"trellis/test/estate"
)

// zoneText is the things of a landing zone in the order they are made in, and removed in backwards. Each is whose it is and its name,
// the call that makes it, the one that shows it, and the one that removes it unless it goes with another. A name ${x} in an answer is
// learned where it is not known, and held to where it is. What names a {colour} is there for each team, what names a {zone} in each.
//
//go:embed zone.json
var zoneText string

// step is one thing that is made, found again, and removed.
type step struct {
	of, name         string
	make, find, drop operation
}

// operation is a call and what its answer has, among other things.
type operation struct {
	api, name string
	in, out   map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *operation) UnmarshalJSON(text []byte) error {
	var name string
	parts := []any{&name, &o.in, &o.out}
	err := json.Unmarshal(text, &parts)
	o.api, o.name, _ = strings.Cut(name, ".")
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *step) UnmarshalJSON(text []byte) error {
	var name string
	parts := []any{&name, &s.make, &s.find, &s.drop}
	err := json.Unmarshal(text, &parts)
	s.of, s.name, _ = strings.Cut(name, " ")
	return err
}

// tokened says whether a call that makes something can be made again as it is.
func (s step) tokened() bool {
	return s.make.in["clientToken"] != nil || s.make.in["ClientToken"] != nil
}

// readSteps reads the things of a zone.
func readSteps() ([]step, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal([]byte(zoneText), &rows); err != nil {
		return nil, err
	}
	var out []step
	for _, row := range rows {
		for _, text := range each(each([]string{string(row)}, "{colour}", "{peer}", "blue", "192.168.0", "green", "192.168.2"), "{zone}", "{third}", "a", "8", "b", "12") {
			var s step
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				return nil, fmt.Errorf("%s: %w", text, err)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// each is a text for each pair of values that two names in it stand for.
func each(texts []string, name, other string, values ...string) []string {
	var out []string
	for _, text := range texts {
		if !strings.Contains(text, name) {
			out = append(out, text)
			continue
		}
		for pair := range slices.Chunk(values, 2) {
			out = append(out, strings.NewReplacer(name, pair[0], other, pair[1]).Replace(text))
		}
	}
	return out
}

// zone is one life of a landing zone: it is made, asked, and removed.
type zone struct {
	accounts map[string]*account
	life     int
	// known is what the names in the steps stand for.
	known estate.Estate
}

// begin forgets the life before.
func (z *zone) begin(life int) error {
	layer, err := archive("python/answers.py", "text = 'from the function'\n")
	if err != nil {
		return err
	}
	function, err := archive("app.py", code)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(function)
	z.life = life
	z.known = estate.Estate{"life": strconv.Itoa(life), "region": z.accounts["common"].config.Region, "layer.zip": base64.StdEncoding.EncodeToString(layer),
		"function.zip": base64.StdEncoding.EncodeToString(function), "function.sha": base64.StdEncoding.EncodeToString(sum[:])}
	var allowed []string
	for _, colour := range []string{"blue", "green"} {
		z.known["account."+colour] = z.accounts[colour].id
		allowed = append(allowed, fmt.Sprintf(`{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{`+
			`"vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":%q,"vpc-lattice-svcs:SourceVpcOwnerAccount":%q}}}`, colour, z.accounts[colour].id))
	}
	z.known["policy.text"] = `{"Version":"2012-10-17","Statement":[` + strings.Join(allowed, ",") + `]}`
	return nil
}

const code = `import answers

def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": answers.text}
`

func archive(name, text string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// call makes a call of a step and learns from its answer, or holds the answer to what is known.
func (z *zone) call(ctx context.Context, s step, o operation) (*reading, error) {
	z.known["token"] = fmt.Sprintf("soak-token-%d-%s", z.life, s.name)
	in, err := z.known.Expand(o.in)
	if err != nil {
		return nil, err
	}
	out, err := z.accounts[s.of].call(ctx, o.api, o.name, in.(map[string]any))
	if err != nil {
		return nil, err
	}
	r := &reading{known: z.known}
	r.hold(o.out, out, o.name)
	if len(r.wrong) > 0 && r.coming() {
		return r, errComing
	}
	return r, errors.Join(r.wrong...)
}

// errComing is of an answer that shows what is on its way.
var errComing = errors.New("it is not real yet")

// errDiffers is of an answer that is not as it should be.
var errDiffers = errors.New("it is not as it was made")

// reading holds an answer to what it should have.
type reading struct {
	known estate.Estate
	wrong []error
	// states are those that the things on the way say they are in.
	states []string
}

func (r *reading) hold(want, got any, at string) {
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for _, name := range []string{"Status", "status", "State", "state"} {
			state := fields[name]
			if inner, ok := state.(map[string]any); ok {
				state = inner["Code"]
			}
			if text, ok := state.(string); ok {
				r.states = append(r.states, text)
			}
		}
		if r.leaving() {
			r.wrong = append(r.wrong, errGone)
			return
		}
		for name, w := range want {
			r.hold(w, fields[name], at+"."+name)
		}
	case []any:
		list, _ := got.([]any)
		if len(list) < len(want) {
			r.wrong = append(r.wrong, errGone)
			return
		}
		if len(list) > len(want) {
			r.wrong = append(r.wrong, fmt.Errorf("%w: %s has %d things, want %d: %v", errDiffers, at, len(list), len(want), list))
			return
		}
		for i, w := range want {
			r.hold(w, list[i], at)
		}
	default:
		text := fmt.Sprint(want)
		if name, ok := strings.CutPrefix(text, "${"); ok && got != nil && strings.HasSuffix(name, "}") {
			if name = strings.TrimSuffix(name, "}"); r.known[name] == "" {
				r.known[name] = fmt.Sprint(got)
			}
		}
		if expanded, err := r.known.Expand(text); err == nil {
			text = expanded.(string)
		}
		if fmt.Sprint(got) != text {
			r.wrong = append(r.wrong, fmt.Errorf("%w: %s is %v, want %s", errDiffers, at, got, text))
		}
	}
}

// leaving says whether a state is that of something that is being removed, or was.
func (r *reading) leaving() bool {
	return slices.ContainsFunc(r.states, func(s string) bool {
		s = strings.ToLower(s)
		return strings.HasPrefix(s, "delet") || strings.HasPrefix(s, "disassoc") || strings.HasPrefix(s, "drain")
	})
}

// coming says whether a state is that of something that is not real yet.
func (r *reading) coming() bool {
	return slices.ContainsFunc(r.states, func(s string) bool {
		return strings.HasSuffix(s, "_IN_PROGRESS") || s == "provisioning" || s == "Pending"
	})
}

// errGone is of an answer that shows nothing, or what is on its way out.
var errGone = &smithy.GenericAPIError{Code: "NotFound", Message: "it is not there"}

// isGone says whether a call was told that the thing is not there.
func isGone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (strings.Contains(api.ErrorCode(), "NotFound") || strings.Contains(api.ErrorCode(), "NoSuchEntity") || strings.Contains(api.ErrorCode(), "UnknownResource"))
}

func isCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// build makes what a step makes. Repeated, it makes nothing new: who has no token for a call looks first.
func (s step) build(ctx context.Context, z *zone) error {
	if !s.tokened() {
		if _, err := z.call(ctx, s, s.find); err == nil || !isGone(err) && !errors.Is(err, errDiffers) {
			return err
		}
	}
	if _, err := z.call(ctx, s, s.make); err != nil {
		return err
	}
	_, err := z.call(ctx, s, s.find)
	return err
}

// remove removes it, or finds that it is gone.
func (s step) remove(ctx context.Context, z *zone) error {
	_, err := z.call(ctx, s, s.drop)
	if err == nil || retriable(err) {
		return err
	}
	switch _, there := z.call(ctx, s, s.find); {
	case isGone(there):
		return nil
	case retriable(there):
		return there
	}
	return err
}
