package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"trellis/internal/aws/model"
)

// answersLists reports whether an operation is one of those that list things;
// AWS writes their lists even when they are empty.
func (s *Set) answersLists(op string) bool {
	if s.service.Protocol == model.EC2Query || s.service.Protocol == model.Query {
		return true
	}
	return strings.HasPrefix(op, "List") || strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "Filter") ||
		strings.HasPrefix(op, "Get") && strings.HasSuffix(op, "s")
}

// Decode reads a request into a new input. Errors are *Malformed.
func (c *Codec) Decode(r *Request) (any, error) {
	in := c.op.NewInput()
	v := reflect.ValueOf(in).Elem()
	var err error
	switch c.service.Protocol {
	case model.RESTJSON:
		err = c.decodeREST(r, v)
	case model.JSON10, model.JSON11:
		if len(r.Body) > 0 {
			err = decodeJSON(c.in, v, r.Body)
		}
	default:
		err = c.decodeForm(r.Form, v)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (c *Codec) decodeForm(form *Form, v reflect.Value) error {
	ec2 := c.service.Protocol == model.EC2Query
	if err := (formReader{ec2: ec2}).structure(c.in, v, &form.root, ""); err != nil {
		return err
	}
	if !ec2 {
		return nil
	}
	if name := form.unused(); name != "" {
		return &Malformed{Member: short(name), Unknown: true, Message: "The parameter " + short(name) + " is not recognized"}
	}
	return nil
}

func (c *Codec) decodeREST(r *Request, v reflect.Value) error {
	var query url.Values
	if r.Query != "" {
		var err error
		if query, err = url.ParseQuery(r.Query); err != nil {
			return malformed("The query string is malformed.")
		}
	}
	for i := range c.in.fields {
		f := &c.in.fields[i]
		name := f.member.WireName()
		var err error
		switch f.member.In {
		case model.InPath:
			for _, l := range r.Labels {
				if l.Name == name {
					err = setNamed(f, v.Field(i), l.Value, model.ISO8601)
				}
			}
		case model.InQuery:
			err = setQuery(f, v.Field(i), query[name])
		case model.InHeader:
			if values := r.Header.Values(name); len(values) > 0 {
				err = setNamed(f, v.Field(i), strings.Join(values, ","), model.RFC822)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(r.Body) == 0 {
		return nil
	}
	i := c.in.payload()
	switch {
	case i < 0:
		if len(c.in.byWire) == 0 {
			return nil
		}
		return decodeJSON(c.in, v, r.Body)
	case c.in.fields[i].node.kind == model.Blob:
		v.Field(i).SetBytes(r.Body)
		return nil
	default:
		return decodeJSON(c.in.fields[i].node, target(v.Field(i)), r.Body)
	}
}

func setNamed(f *field, v reflect.Value, text string, format model.TimeFormat) error {
	if !setText(f.node, v, text, format) {
		return wrongText(f.title, text, kindTitle(f.node.kind))
	}
	return nil
}

func setQuery(f *field, v reflect.Value, values []string) error {
	if len(values) == 0 {
		return nil
	}
	if f.node.kind != model.List {
		return setNamed(f, v, values[len(values)-1], model.ISO8601)
	}
	list := reflect.MakeSlice(f.node.typ, len(values), len(values))
	for i, text := range values {
		if !setText(f.node.elem, list.Index(i), text, model.ISO8601) {
			return wrongText(f.title, text, kindTitle(f.node.elem.kind))
		}
	}
	v.Set(list)
	return nil
}

// Encode writes an output; header members go into the header.
func (c *Codec) Encode(out any, header http.Header, requestID string) Response {
	v := reflect.ValueOf(out).Elem()
	switch c.service.Protocol {
	case model.RESTJSON:
		return c.encodeREST(v, header)
	case model.JSON10, model.JSON11:
		res := Response{Status: c.op.Status, ContentType: ContentType(c.service.Protocol)}
		if c.op.Output != "" {
			res.Body = append(appendJSONFields([]byte{'{'}, c.out, v, c.fill), '}')
		}
		return res
	default:
		return Response{Status: c.op.Status, ContentType: ContentType(c.service.Protocol), Body: c.encodeXML(v, requestID)}
	}
}

// ContentType is the media type of a protocol's answers.
func ContentType(p model.Protocol) string {
	switch p {
	case model.RESTJSON:
		return "application/json"
	case model.JSON10:
		return "application/x-amz-json-1.0"
	case model.JSON11:
		return "application/x-amz-json-1.1"
	case model.EC2Query:
		return "text/xml;charset=UTF-8"
	default:
		return "text/xml"
	}
}

func (c *Codec) encodeREST(v reflect.Value, header http.Header) Response {
	res := Response{Status: c.op.Status}
	for i := range c.out.fields {
		f := &c.out.fields[i]
		fv := v.Field(i)
		if fv.IsNil() {
			continue
		}
		switch f.member.In {
		case model.InHeader:
			header.Set(f.member.WireName(), string(appendText(nil, f.node, fv, model.RFC822)))
		case model.InStatus:
			res.Status = int(fv.Elem().Int())
		}
	}
	i := c.out.payload()
	switch {
	case i >= 0 && c.out.fields[i].node.kind == model.Blob:
		res.Body = v.Field(i).Bytes()
	case i >= 0:
		if fv := v.Field(i); !fv.IsNil() {
			res.Body = appendJSON(nil, c.out.fields[i].node, fv)
		}
	case res.Status != http.StatusNoContent && c.op.Output != "":
		res.Body = append(appendJSONFields(append(make([]byte, 0, 512), '{'), c.out, v, c.fill), '}')
	}
	if len(res.Body) > 0 {
		res.ContentType = ContentType(model.RESTJSON)
	}
	return res
}

func (c *Codec) encodeXML(v reflect.Value, requestID string) []byte {
	b := append(make([]byte, 0, 1024), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"...)
	b = append(append(append(b, '<'), c.op.Name...), "Response xmlns="...)
	b = strconv.AppendQuote(b, Namespace(c.service))
	b = append(b, '>')
	if c.service.Protocol == model.EC2Query {
		b = append(append(append(b, "<requestId>"...), requestID...), "</requestId>"...)
		if c.op.Output == "" {
			b = append(b, "<return>true</return>"...)
		}
		b = appendXMLFields(b, c.out, v, c.fill)
	} else {
		if w := c.op.ResultWrapper; w != "" {
			b = append(append(append(b, '<'), w...), '>')
			b = appendXMLFields(b, c.out, v, c.fill)
			b = append(append(append(b, "</"...), w...), '>')
		}
		b = append(append(append(b, "<ResponseMetadata><RequestId>"...), requestID...), "</RequestId></ResponseMetadata>"...)
	}
	return append(append(append(b, "</"...), c.op.Name...), "Response>"...)
}

// Namespace is the XML namespace of an API's answers.
func Namespace(s *model.Service) string {
	if s.Protocol == model.EC2Query {
		return s.XMLNamespace + "/"
	}
	return s.XMLNamespace
}
