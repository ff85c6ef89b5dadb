package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"trellis/internal/aws/model"
)

// forge makes an input of an operation from its model: values as hostile as the constraints let through, so that they reach the
// operation itself. Another turn takes others.
type forge struct {
	service *model.Service
	turn, n int
	// own, if there, is asked first for the text of a member.
	own func(member string, turn int) string
}

var hostile = []string{"a", "", "-1", "0.0.0.0/0", "10.0.0.0/33", "999.1.1.1", "::/129", "arn:aws:iam::111111111111:role/none", "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdef0",
	"svc-0123456789abcdef0", "sn-0123456789abcdef0", "tg-0123456789abcdef0", "listener-0123456789abcdef0", "rule-0123456789abcdef0", "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "sg-0123456789abcdef0",
	"acl-0123456789abcdef0", "rtb-0123456789abcdef0", "pl-0123456789abcdef0", "eni-0123456789abcdef0", "snva-0123456789abcdef0", "snsa-0123456789abcdef0", "arn:", "arn:aws:::::::", "arn:aws:ec2:us-east-1:111111111111:",
	"'\"<&>%s%n\\u0000", "../../etc/passwd", "{}", "[", `{"Version":"2012-10-17","Statement":[]}`, `{"Statement":{"Effect":"Allow","Principal":"*","Action":7,"Resource":[{}]}}`, "\u202e\u0000é😀", "name-of-a-thing", "NULL", "*", "$LATEST",
	"111111111111", "AWS::VpcLattice::Service", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]", "h-0123456789", "o-0123456789", "r-abcd", "ou-abcd-01234567", "p-0123456789",
	"https://example.com/", "2020-01-01T00:00:00Z", strings.Repeat("x", 300), strings.Repeat("é", 5000), "us-east-1a", "python3.11", "%%%", "9223372036854775808", "AKIAIOSFODNN7EXAMPLE"}

func (f *forge) text(s *model.Shape, member string) string {
	if len(s.Enum) > 0 {
		return s.Enum[(f.turn+f.n)%len(s.Enum)]
	}
	if f.own != nil {
		if v := f.own(member, f.turn); v != "" && fits(s, v) {
			return v
		}
	}
	for i := range hostile {
		v := hostile[(i+f.turn*7+f.n*3)%len(hostile)]
		if fits(s, v) {
			return v
		}
	}
	return "none"
}

// fits says if a text has the length and, as far as this language can tell, the pattern of a shape.
func fits(s *model.Shape, v string) bool {
	if size := float64(len([]rune(v))); s.HasMin && size < s.Min || s.HasMax && size > s.Max {
		return false
	}
	if s.Pattern == "" {
		return true
	}
	pattern := s.Pattern
	if s.Match != nil {
		pattern = s.Match.Must
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(v)
}

func (f *forge) number(s *model.Shape) int64 {
	n := []int64{0, 1, -1, 65536, 1<<31 - 1, 7}[(f.turn+f.n)%6]
	if s.HasMin && float64(n) < s.Min {
		n = int64(s.Min)
	}
	if s.HasMax && float64(n) > s.Max {
		n = int64(s.Max)
	}
	return n
}

// value is a value of the shape as encoding/json would have it.
func (f *forge) value(s *model.Shape, member string, depth int) any {
	f.n++
	switch s.Kind {
	case model.String:
		return f.text(s, member)
	case model.Boolean:
		return f.n%2 == 0
	case model.Integer, model.Long:
		return f.number(s)
	case model.Float:
		return float64(f.number(s)) + 0.5
	case model.Timestamp:
		if s.Time == model.ISO8601 || f.service.Protocol == model.Query || f.service.Protocol == model.EC2Query {
			return "2021-03-04T05:06:07Z"
		}
		return 1614834367
	case model.Blob:
		return "AAECAw=="
	case model.Document:
		return map[string]any{"a": []any{nil, 1}}
	case model.List:
		n := 1 + f.turn%2
		if s.HasMin {
			n = max(n, int(s.Min))
		}
		if depth > 6 {
			n = 0
		}
		list := []any{}
		for range n {
			list = append(list, f.value(f.service.Shape(s.Elem), member, depth+1))
		}
		return list
	case model.Map:
		return map[string]any{f.text(f.service.Shape(s.Key), member): f.value(f.service.Shape(s.Elem), member, depth+1)}
	}
	out := map[string]any{}
	for i := range s.Members {
		m := &s.Members[i]
		// Some turns leave out what is optional, each a different part of it.
		if !m.Required && (f.turn == 0 || (f.turn+i)%3 == 0 || depth > 6) || s.Union && len(out) > 0 || m.Name == "DryRun" {
			continue
		}
		out[m.Name] = f.value(f.service.Shape(m.Shape), m.Name, depth+1)
	}
	return out
}

// message encodes the forged input.
func (f *forge) message(op *model.Operation) message {
	shape := &model.Shape{Kind: model.Structure}
	if op.Input != "" {
		shape = f.service.Shape(op.Input)
	}
	in, _ := f.value(shape, "", 0).(map[string]any)
	switch f.service.Protocol {
	case model.Query, model.EC2Query:
		form := url.Values{"Action": {op.Name}, "Version": {f.service.APIVersion}}
		f.form(form, "", in, shape)
		return message{"POST", "/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode())}
	case model.JSON10, model.JSON11:
		return message{"POST", "/", http.Header{"X-Amz-Target": {f.service.TargetPrefix + "." + op.Name}}, f.json(in, shape)}
	}
	path, literal, _ := strings.Cut(op.Path, "?")
	query, header := url.Values{}, http.Header{}
	var body []byte
	for i := range shape.Members {
		m := &shape.Members[i]
		v, ok := in[m.Name]
		if !ok {
			continue
		}
		switch m.In {
		case model.InPath:
			path = strings.Replace(path, "{"+m.WireName()+"}", url.PathEscape(fmt.Sprint(v)), 1)
		case model.InQuery:
			if list, ok := v.([]any); ok {
				for _, e := range list {
					query.Add(m.WireName(), fmt.Sprint(e))
				}
			} else {
				query.Set(m.WireName(), fmt.Sprint(v))
			}
		case model.InHeader:
			header.Set(m.WireName(), url.QueryEscape(fmt.Sprint(v)))
		}
		if m.Name == shape.Payload {
			body = []byte(fmt.Sprint(v))
		}
	}
	if shape.Payload == "" && op.Method != "GET" && op.Method != "DELETE" {
		body = f.json(in, shape)
	}
	if q := query.Encode(); q != "" {
		literal = strings.Trim(literal+"&"+q, "&")
	}
	return message{op.Method, strings.TrimSuffix(path+"?"+literal, "?"), header, body}
}

func (f *forge) json(v any, s *model.Shape) []byte {
	text, _ := json.Marshal(f.named(v, s))
	return text
}

// named gives members their names on the wire.
func (f *forge) named(v any, s *model.Shape) any {
	switch x := v.(type) {
	case []any:
		out := []any{}
		for _, e := range x {
			out = append(out, f.named(e, f.service.Shape(s.Elem)))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, e := range x {
			switch s.Kind {
			case model.Map:
				out[name] = f.named(e, f.service.Shape(s.Elem))
			case model.Structure:
				for i := range s.Members {
					if m := &s.Members[i]; m.Name == name && m.In == model.InBody {
						out[m.WireName()] = f.named(e, f.service.Shape(m.Shape))
					}
				}
			default:
				out[name] = e
			}
		}
		return out
	}
	return v
}

func (f *forge) form(into url.Values, at string, v any, s *model.Shape) {
	switch x := v.(type) {
	case []any:
		if f.service.Protocol == model.Query {
			at += ".member"
		}
		for i, e := range x {
			f.form(into, fmt.Sprintf("%s.%d", at, i+1), e, f.service.Shape(s.Elem))
		}
	case map[string]any:
		if s.Kind == model.Map {
			for k, e := range x {
				into.Set(strings.TrimPrefix(at, ".")+".entry.1.key", k)
				f.form(into, at+".entry.1.value", e, f.service.Shape(s.Elem))
			}
			return
		}
		for i := range s.Members {
			if e, ok := x[s.Members[i].Name]; ok {
				f.form(into, at+"."+s.Members[i].QueryName(), e, f.service.Shape(s.Members[i].Shape))
			}
		}
	default:
		into.Set(strings.TrimPrefix(at, "."), fmt.Sprint(v))
	}
}
