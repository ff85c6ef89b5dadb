package aws

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"trellis/internal/aws/model"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"

	"github.com/google/go-cmp/cmp"
)

func models() []*model.Service {
	return []*model.Service{vpclattice.Model, ec2.Model, ram.Model, elbv2.Model, lambda.Model, iam.Model, sts.Model,
		organizations.Model, logs.Model, cloudcontrol.Model}
}

// sampler fills values of generated types, all members set.
type sampler struct {
	service *model.Service
	n       int
	plain   bool // header-safe text
}

func (s *sampler) fill(v reflect.Value, shape *model.Shape, depth int) {
	s.n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		s.fill(v.Elem(), shape, depth)
	case reflect.String:
		text := fmt.Sprintf("v%d/é +%%&=<\"\\\n\t😀", s.n)
		if s.plain {
			text = fmt.Sprintf("v%d", s.n)
		}
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(s.n%2 == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(s.n) - 7)
	case reflect.Float64:
		v.SetFloat(float64(s.n) + 0.25)
	case reflect.Slice:
		if shape.Kind == model.Blob {
			v.SetBytes([]byte{byte(s.n), 0, 255, '\n'})
			return
		}
		n := 2
		if depth > 5 {
			n = 0
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			s.fill(v.Index(i), s.service.Shape(shape.Elem), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			s.fill(key, s.service.Shape(shape.Key), depth+1)
			s.fill(elem, s.service.Shape(shape.Elem), depth+1)
			v.SetMapIndex(key, elem)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1700000000+int64(s.n), 0).UTC()))
			return
		}
		for i, m := range shape.Members {
			child := s.service.Shape(m.Shape)
			if depth > 5 && (child.Kind == model.List || child.Kind == model.Structure || child.Kind == model.Map) {
				continue
			}
			plain := s.plain
			s.plain = plain || m.In == model.InHeader
			s.fill(v.Field(i), child, depth+1)
			s.plain = plain
		}
	}
}

func (s *sampler) sample(value any, shape string) any {
	if shape != "" {
		s.fill(reflect.ValueOf(value).Elem(), s.service.Shape(shape), 0)
	}
	return value
}

// text is the form of a scalar in paths, query strings, headers and forms.
func text(v reflect.Value, rfc822 bool) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		if rfc822 {
			return x.Format(http.TimeFormat)
		}
		return x.Format(time.RFC3339)
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	default:
		return fmt.Sprint(x)
	}
}

// tree is a value as it looks to encoding/json.
func tree(s *model.Service, v reflect.Value, shape *model.Shape) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch shape.Kind {
	case model.Structure:
		m := map[string]any{}
		for i := range shape.Members {
			member := &shape.Members[i]
			if fv := v.Field(i); !fv.IsNil() && member.In == model.InBody {
				m[member.WireName()] = tree(s, fv, s.Shape(member.Shape))
			}
		}
		return m
	case model.List:
		list := []any{}
		for i := range v.Len() {
			list = append(list, tree(s, v.Index(i), s.Shape(shape.Elem)))
		}
		return list
	case model.Map:
		m := map[string]any{}
		for _, key := range v.MapKeys() {
			m[key.String()] = tree(s, v.MapIndex(key), s.Shape(shape.Elem))
		}
		return m
	case model.Timestamp:
		if shape.Time == model.ISO8601 {
			return text(v, false)
		}
		return float64(v.Interface().(time.Time).Unix())
	case model.Blob:
		return text(v, false)
	case model.Boolean:
		return v.Bool()
	case model.Integer, model.Long:
		return float64(v.Int())
	case model.Float:
		return v.Float()
	default:
		return v.String()
	}
}

// form writes a value as query protocols do.
func form(s *model.Service, into url.Values, prefix string, v reflect.Value, shape *model.Shape) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch shape.Kind {
	case model.Structure:
		for i := range shape.Members {
			m := &shape.Members[i]
			if fv := v.Field(i); !fv.IsNil() {
				form(s, into, prefix+"."+m.QueryName(), fv, s.Shape(m.Shape))
			}
		}
	case model.List:
		if s.Protocol == model.Query {
			if v.Len() == 0 {
				into.Set(prefix[1:], "")
			}
			prefix += ".member"
		}
		for i := range v.Len() {
			form(s, into, prefix+"."+strconv.Itoa(i+1), v.Index(i), s.Shape(shape.Elem))
		}
	case model.Map:
		for i, key := range v.MapKeys() {
			at := prefix + ".entry." + strconv.Itoa(i+1)
			into.Set(at[1:]+".key", key.String())
			form(s, into, at+".value", v.MapIndex(key), s.Shape(shape.Elem))
		}
	default:
		into.Set(prefix[1:], text(v, false))
	}
}

// encodeInput is the client's side of a call.
func encodeInput(t *testing.T, s *model.Service, op *model.Operation, in any) *http.Request {
	t.Helper()
	v := reflect.ValueOf(in).Elem()
	shape := &model.Shape{Kind: model.Structure}
	if op.Input != "" {
		shape = s.Shape(op.Input)
	}
	switch s.Protocol {
	case model.EC2Query, model.Query:
		values := url.Values{"Action": {op.Name}, "Version": {s.APIVersion}}
		form(s, values, "", v, shape)
		return httptest.NewRequest("POST", "/", strings.NewReader(values.Encode()))
	case model.JSON10, model.JSON11:
		body, err := json.Marshal(tree(s, v, shape))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.Header.Set("X-Amz-Target", s.TargetPrefix+"."+op.Name)
		return r
	}
	path, literal, _ := strings.Cut(op.Path, "?")
	query, header := url.Values{}, http.Header{}
	var body []byte
	for i := range shape.Members {
		m := &shape.Members[i]
		fv := v.Field(i)
		switch m.In {
		case model.InPath:
			path = strings.Replace(path, "{"+m.WireName()+"}", url.PathEscape(text(fv, false)), 1)
		case model.InQuery:
			if s.Shape(m.Shape).Kind == model.List {
				for j := range fv.Len() {
					query.Add(m.WireName(), text(fv.Index(j), false))
				}
			} else {
				query.Set(m.WireName(), text(fv, false))
			}
		case model.InHeader:
			header.Set(m.WireName(), text(fv, true))
		}
		if m.Name == shape.Payload {
			body = fv.Bytes()
		}
	}
	if shape.Payload == "" {
		body, _ = json.Marshal(tree(s, v, shape))
	}
	target := path + "?" + query.Encode()
	if literal != "" {
		target += "&" + literal
	}
	r := httptest.NewRequest(op.Method, target, strings.NewReader(string(body)))
	for name, values := range header {
		r.Header[name] = values
	}
	return r
}

func TestInputsRoundTrip(t *testing.T) {
	for _, m := range models() {
		s, err := bind(Service{Model: m})
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Operations {
			op := &m.Operations[i]
			t.Run(m.Package+"/"+op.Name, func(t *testing.T) {
				want := (&sampler{service: m}).sample(op.NewInput(), op.Input)
				r := encodeInput(t, m, op, want)
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Fatal(err)
				}
				c := &call{r: r, service: s}
				req, err := c.route(body)
				if err != nil {
					t.Fatal(err)
				}
				if c.name != op.Name {
					t.Fatalf("%s %s leads to %s", r.Method, r.URL, c.name)
				}
				codec, err := c.op.codec()
				if err != nil {
					t.Fatal(err)
				}
				got, err := codec.Decode(req)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("decoded differently (-want +got):\n%s", diff)
				}
				codec.Validate(got)
			})
		}
	}
}

// element is parsed XML.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// elements is a value as it looks to encoding/xml.
func elements(s *model.Service, name string, v reflect.Value, shape *model.Shape) element {
	e := element{XMLName: xml.Name{Local: name}}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch shape.Kind {
	case model.Structure:
		for i := range shape.Members {
			m := &shape.Members[i]
			if fv := v.Field(i); !fv.IsNil() {
				e.Children = append(e.Children, elements(s, m.WireName(), fv, s.Shape(m.Shape)))
			}
		}
	case model.List:
		item := shape.Wire
		if item == "" {
			item = "member"
		}
		for i := range v.Len() {
			e.Children = append(e.Children, elements(s, item, v.Index(i), s.Shape(shape.Elem)))
		}
	case model.Map:
		keys := map[string]reflect.Value{}
		for _, key := range v.MapKeys() {
			keys[key.String()] = v.MapIndex(key)
		}
		for _, key := range sorted(keys) {
			e.Children = append(e.Children, element{XMLName: xml.Name{Local: "entry"}, Children: []element{
				{XMLName: xml.Name{Local: "key"}, Text: key}, elements(s, "value", keys[key], s.Shape(shape.Elem))}})
		}
	default:
		e.Text = text(v, false)
	}
	return e
}

func sorted(m map[string]reflect.Value) []string {
	var keys []string
	for key := range m {
		i := 0
		for i < len(keys) && keys[i] < key {
			i++
		}
		keys = append(keys[:i], append([]string{key}, keys[i:]...)...)
	}
	return keys
}

func withoutNamespace(e *element) {
	e.XMLName.Space = ""
	for i := range e.Children {
		withoutNamespace(&e.Children[i])
	}
}

func TestOutputsRoundTrip(t *testing.T) {
	for _, m := range models() {
		s, err := bind(Service{Model: m})
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Operations {
			op := &m.Operations[i]
			t.Run(m.Package+"/"+op.Name, func(t *testing.T) {
				codec, err := s.operations[op.Name].codec()
				if err != nil {
					t.Fatal(err)
				}
				out := (&sampler{service: m}).sample(op.NewOutput(), op.Output)
				header := http.Header{}
				res := codec.Encode(out, header, "the-id")
				v, shape := reflect.ValueOf(out).Elem(), &model.Shape{Kind: model.Structure}
				if op.Output != "" {
					shape = m.Shape(op.Output)
				}
				switch m.Protocol {
				case model.Query, model.EC2Query:
					checkXML(t, m, op, res.Body, elements(m, "", v, shape))
				default:
					checkJSON(t, m, v, shape, header, res.Body, res.Status)
				}
			})
		}
	}
}

func checkXML(t *testing.T, m *model.Service, op *model.Operation, body []byte, want element) {
	t.Helper()
	var got element
	if err := xml.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if got.XMLName.Local != op.Name+"Response" || !strings.HasPrefix(got.XMLName.Space, m.XMLNamespace) {
		t.Errorf("answered as %v", got.XMLName)
	}
	withoutNamespace(&got)
	id := element{XMLName: xml.Name{Local: "requestId"}, Text: "the-id"}
	root := element{XMLName: got.XMLName}
	if m.Protocol == model.EC2Query {
		root.Children = append([]element{id}, want.Children...)
		if op.Output == "" {
			root.Children = append(root.Children, element{XMLName: xml.Name{Local: "return"}, Text: "true"})
		}
	} else {
		if op.ResultWrapper != "" {
			root.Children = append(root.Children, element{XMLName: xml.Name{Local: op.ResultWrapper}, Children: want.Children})
		}
		id.XMLName.Local = "RequestId"
		root.Children = append(root.Children, element{XMLName: xml.Name{Local: "ResponseMetadata"}, Children: []element{id}})
	}
	if diff := cmp.Diff(root, got); diff != "" {
		t.Errorf("encoded differently (-want +got):\n%s", diff)
	}
}

func checkJSON(t *testing.T, m *model.Service, v reflect.Value, shape *model.Shape, header http.Header, body []byte, status int) {
	t.Helper()
	for i := range shape.Members {
		member := &shape.Members[i]
		fv := v.Field(i)
		switch {
		case member.In == model.InHeader:
			if got := header.Get(member.WireName()); got != text(fv, true) {
				t.Errorf("header %s is %q", member.WireName(), got)
			}
		case member.In == model.InStatus:
			if got := strconv.Itoa(status); got != text(fv, false) {
				t.Errorf("status is %s", got)
			}
		case member.Name == shape.Payload:
			if string(body) != string(fv.Bytes()) {
				t.Errorf("body is %q", body)
			}
		}
	}
	if shape.Payload != "" || len(body) == 0 && len(shape.Members) == 0 || status == http.StatusNoContent {
		return
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if diff := cmp.Diff(tree(m, v, shape), got); diff != "" {
		t.Errorf("encoded differently (-want +got):\n%s", diff)
	}
}
