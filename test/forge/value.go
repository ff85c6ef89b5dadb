package forge

import (
	"math"
	"regexp"
	"strings"

	"trellis/internal/aws/model"
)

// Maker makes inputs from a model.
type Maker struct {
	Service *model.Service
	// Known, if there, is asked first for the value of what stands at a path, as in "ec2.CreateVpc.CidrBlock": the API, the operation
	// and the names of the members, without indexes.
	Known func(path string) (any, bool)
	// Wants says which members are made though they are not required; nil wants none.
	Wants func(path string, m *model.Member) bool
	// Text is what a text is where it may be that.
	Text string
	// Turn makes different values of what is not known.
	Turn int

	n        int
	patterns map[string]*regexp.Regexp
}

// deepest is how far structures go that hold themselves.
const deepest = 6

// Input makes an input of an operation around what is given of it.
func (k *Maker) Input(op *model.Operation, given map[string]any) map[string]any {
	k.n = 0
	out := k.structure(Input(k.Service, op), k.Service.Package+"."+op.Name, given, 0)
	return out
}

func (k *Maker) structure(s *model.Shape, path string, given map[string]any, depth int) map[string]any {
	out := map[string]any{}
	for name, v := range given {
		out[name] = v
	}
	for i := range s.Members {
		m := &s.Members[i]
		at := path + "." + m.Name
		if _, ok := out[m.Name]; ok || s.Union && len(out) > 0 || !m.Required && (k.Wants == nil || depth > deepest || !k.Wants(at, m)) && !(s.Union && k.Wants == nil) {
			continue
		}
		out[m.Name] = k.value(k.Service.Shape(m.Shape), at, depth+1)
	}
	return out
}

func (k *Maker) value(s *model.Shape, path string, depth int) any {
	if k.Known != nil {
		if v, ok := k.Known(path); ok {
			if _, list := v.([]any); s.Kind == model.List && !list {
				v = []any{v}
			}
			return v
		}
	}
	k.n++
	switch s.Kind {
	case model.String:
		return k.text(s)
	case model.Boolean:
		return k.Turn == 0 || (k.Turn+k.n)%2 == 0
	case model.Integer, model.Long:
		return k.number(s)
	case model.Float:
		return float64(k.number(s)) + 0.5
	case model.Timestamp:
		return k.time(s)
	case model.Blob:
		return "AAECAw=="
	case model.Document:
		return map[string]any{"a": []any{nil, 1}}
	case model.List:
		n := 1
		if k.Turn > 0 {
			n += k.Turn % 2
		}
		if s.HasMin {
			n = max(n, int(s.Min))
		}
		if depth > deepest {
			n = 0
		}
		list := []any{}
		for range n {
			list = append(list, k.value(k.Service.Shape(s.Elem), path, depth+1))
		}
		return list
	case model.Map:
		key := k.text(k.Service.Shape(s.Key))
		return map[string]any{key: k.value(k.Service.Shape(s.Elem), path, depth+1)}
	}
	return k.structure(s, path, nil, depth)
}

func (k *Maker) time(s *model.Shape) any {
	if s.Time == model.ISO8601 || k.Service.Protocol == model.Query || k.Service.Protocol == model.EC2Query {
		return "2021-03-04T05:06:07Z"
	}
	return 1614834367
}

// hostile are texts that operations have to do with although they mean nothing, or something bad.
var hostile = []string{"a", "", "-1", "0.0.0.0/0", "10.0.0.0/33", "999.1.1.1", "::/129", "arn:aws:iam::111111111111:role/none", "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdef0",
	"svc-0123456789abcdef0", "sn-0123456789abcdef0", "tg-0123456789abcdef0", "listener-0123456789abcdef0", "rule-0123456789abcdef0", "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "sg-0123456789abcdef0",
	"vpce-0123456789abcdef0", "dv-0123456789abcdef0", "rea-0123456789abcdef0", "acl-0123456789abcdef0", "rtb-0123456789abcdef0", "pl-0123456789abcdef0", "eni-0123456789abcdef0", "snva-0123456789abcdef0", "snsa-0123456789abcdef0", "arn:", "arn:aws:::::::", "arn:aws:ec2:us-east-1:111111111111:",
	"'\"<&>%s%n\\u0000", "../../etc/passwd", "{}", "[", `{"Version":"2012-10-17","Statement":[]}`, `{"Statement":{"Effect":"Allow","Principal":"*","Action":7,"Resource":[{}]}}`, "\u202e\u0000é😀", "name-of-a-thing", "NULL", "*", "$LATEST",
	"111111111111", "AWS::VpcLattice::Service", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]", "h-0123456789", "o-0123456789", "r-abcd", "ou-abcd-01234567", "p-0123456789",
	"https://example.com/", "2020-01-01T00:00:00Z", strings.Repeat("x", 300), strings.Repeat("é", 5000), "us-east-1a", "python3.11", "%%%", "9223372036854775808", "AKIAIOSFODNN7EXAMPLE"}

// text is one that the constraints let through, as hostile as they do.
func (k *Maker) text(s *model.Shape) string {
	if len(s.Enum) > 0 {
		return s.Enum[k.Turn*(k.Turn+k.n)%len(s.Enum)]
	}
	if k.Text != "" && k.Fits(s, k.Text) {
		return k.Text
	}
	for i := range hostile {
		v := hostile[(i+k.Turn*7+k.n*3)%len(hostile)]
		if k.Turn == 0 {
			v = hostile[i]
		}
		if k.Fits(s, v) {
			return v
		}
	}
	return "none"
}

// Fits says if a text has the length and the pattern of a shape.
func (k *Maker) Fits(s *model.Shape, v string) bool {
	if size := float64(len([]rune(v))); s.HasMin && size < s.Min || s.HasMax && size > s.Max {
		return false
	}
	return k.matches(s, v)
}

// matches says if a text has the pattern of a shape, as far as this language can tell.
func (k *Maker) matches(s *model.Shape, v string) bool {
	if s.Pattern == "" {
		return true
	}
	pattern := s.Pattern
	if s.Match != nil {
		pattern = s.Match.Must
		for _, not := range s.Match.Not {
			if re := k.compiled(not); re == nil || re.MatchString(v) {
				return false
			}
		}
	}
	re := k.compiled("^(?:" + pattern + ")$")
	return re != nil && re.MatchString(v)
}

// compiled is a regular expression of the model, nil if this language does not know it.
func (k *Maker) compiled(pattern string) *regexp.Regexp {
	re, ok := k.patterns[pattern]
	if !ok {
		if k.patterns == nil {
			k.patterns = map[string]*regexp.Regexp{}
		}
		re, _ = regexp.Compile(pattern)
		k.patterns[pattern] = re
	}
	return re
}

func (k *Maker) number(s *model.Shape) int64 {
	n := []int64{1, 0, -1, 65536, math.MaxInt32, 7}[(k.Turn*(k.n+1))%6]
	if s.HasMin && float64(n) < s.Min {
		n = int64(s.Min)
	}
	if s.HasMax && float64(n) > s.Max {
		n = int64(s.Max)
	}
	return n
}
