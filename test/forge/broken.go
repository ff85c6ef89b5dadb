package forge

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"trellis/internal/aws/model"
)

// Broken is a request that is wrong in one way.
type Broken struct {
	How  string
	Path string
	In   map[string]any
	// Refused says that the model does not let it through. What is not is for the operation to judge.
	Refused bool
}

// deep is how far down a value is nested that nobody means.
const deep = 3000

// Break makes inputs that are each wrong in one way at one place around an input that is right.
func (k *Maker) Break(op *model.Operation, in map[string]any, yield func(Broken) bool) {
	form := k.Service.Protocol == model.Query || k.Service.Protocol == model.EC2Query
	shape := Input(k.Service, op)
	for _, spot := range Spots(k.Service, op) {
		name, _, below := strings.Cut(spot.Path, ".")
		top := member(shape, name)
		way := top.In
		whole := shape.Payload == name
		if way != model.InBody && below {
			continue
		}
		put := func(how string, v any, refused bool) bool {
			return yield(Broken{how, spot.Path, k.With(op, in, spot.Path, v), refused})
		}
		inJSON := !form && way == model.InBody && !whole
		list := spot.Path[strings.LastIndexByte(spot.Path, '.')+1:] == "0"
		if spot.Required && way != model.InPath && !list && !whole && At(in, spot.Path) != nil {
			if !yield(Broken{"missing", spot.Path, Drop(in, spot.Path), true}) {
				return
			}
			if inJSON && !put("null", nil, true) {
				return
			}
		} else if inJSON && !put("null", nil, false) {
			return
		}
		if !k.wrong(spot, way, inJSON, whole, form, put) {
			return
		}
	}
	unknown := Clone(in)
	unknown["NoSuchMember"] = "x"
	yield(Broken{"unknown member", "", unknown, k.Service.Protocol == model.EC2Query})
}

func (k *Maker) wrong(spot Spot, way model.Location, inJSON, whole, form bool, put func(string, any, bool) bool) bool {
	s := spot.Shape
	type bad struct {
		how     string
		v       any
		refused bool
	}
	var all []bad
	add := func(how string, v any, refused bool) { all = append(all, bad{how, v, refused}) }
	if inJSON && s.Kind != model.Document {
		nested := json.RawMessage(strings.Repeat("[", deep) + strings.Repeat("]", deep))
		add("nested deeply", nested, true)
	}
	switch s.Kind {
	case model.String:
		k.badText(s, way, add)
		if inJSON {
			add("an object for a string", map[string]any{"a": "b"}, true)
			add("a list for a string", []any{"a"}, true)
			add("a number for a string", 7, false)
		} else if form {
			add("a structure for a string", map[string]any{"a": "b"}, false)
		}
	case model.Integer, model.Long, model.Float:
		if way == model.InBody || way == model.InQuery {
			add("a text for a number", "many", true)
		}
		if inJSON {
			add("an object for a number", map[string]any{}, true)
			add("a large exponent", json.RawMessage("1e999"), true)
		}
		if s.Kind != model.Float {
			add("too large for its type", json.Number("92233720368547758089"), true)
		}
		if s.HasMin {
			add("too small", json.Number(number(s.Min-1)), true)
		}
		if s.HasMax && s.Max < math.MaxInt32 {
			add("too large", json.Number(number(s.Max+1)), true)
		}
		add("negative", -1, s.HasMin && s.Min >= 0)
	case model.Boolean:
		if way == model.InBody || way == model.InQuery {
			add("a text for a boolean", "perhaps", true)
		}
		if inJSON {
			add("a list for a boolean", []any{}, true)
		}
	case model.Timestamp:
		add("a text for a time", "yesterday", way == model.InBody || way == model.InQuery)
		add("a time long gone", -62135596801, false)
		add("a time far away", json.Number("1e18"), false)
	case model.Blob:
		if inJSON {
			add("not base64", "%%%", true)
			add("an object for a blob", map[string]any{}, true)
		}
	case model.List:
		elem := k.value(k.Service.Shape(s.Elem), k.Service.Package, deepest)
		long := 2000
		if s.HasMax && s.Max < 10000 {
			long = int(s.Max) + 1
		}
		if way == model.InBody {
			_, structure := elem.(map[string]any)
			add("a long list", slices.Repeat([]any{elem}, long), s.HasMax && long > int(s.Max) && !(form && structure))
		}
		if inJSON {
			add("an empty list", []any{}, s.HasMin && s.Min > 0)
			add("a string for a list", "a", true)
			add("an object for a list", map[string]any{"a": 1}, true)
			add("null in a list", []any{nil}, false)
		} else if form {
			add("a string for a list", "a", false)
		}
	case model.Map:
		if inJSON {
			add("a list for a map", []any{"a"}, true)
			add("null in a map", map[string]any{"k": nil}, false)
			add("a member twice", Fields{{"k", "1"}, {"k", "2"}}, false)
		}
	case model.Structure:
		if inJSON {
			add("a string for a structure", "a", true)
			add("a list for a structure", []any{}, true)
			add("an unknown member", map[string]any{"NoSuchMember": 1}, false)
		} else if form {
			add("a string for a structure", "a", false)
		}
	}
	for _, b := range all {
		if whole && way == model.InBody {
			b.refused = false
		}
		if !put(b.how, b.v, b.refused) {
			return false
		}
	}
	return true
}

func (k *Maker) badText(s *model.Shape, way model.Location, add func(string, any, bool)) {
	if way != model.InPath {
		add("empty", "", s.HasMin && s.Min > 0 || len(s.Enum) > 0 || !k.matches(s, ""))
		if way == model.InBody {
			add("bad UTF-8", Raw("a\xff\xfe\xc0\x80z"), false)
			add("half a surrogate", Raw(`\ud800`), false)
		}
	}
	if s.HasMax && s.Max < 50_000 && (way == model.InBody || s.Max < 500) {
		add("too long", strings.Repeat("a", int(s.Max)+1), true)
	} else if way == model.InBody {
		add("long", strings.Repeat("a", 70_000), len(s.Enum) > 0 || !k.matches(s, strings.Repeat("a", 70_000)))
	}
	if s.HasMin && s.Min > 1 {
		add("too short", strings.Repeat("a", int(s.Min)-1), true)
	}
	if len(s.Enum) > 0 {
		add("no value of the enumeration", "NoSuchValue", true)
	}
	for i, v := range hostile {
		if v == "" || way == model.InPath && strings.ContainsAny(v, "/.") {
			continue
		}
		fits := k.Fits(s, v)
		if fits && (i+k.Turn)%7 == 0 || !fits && s.Pattern != "" && !k.matches(s, v) {
			add("hostile "+v[:min(len(v), 12)], v, !fits || len(s.Enum) > 0 && !slices.Contains(s.Enum, v))
			if !fits {
				break
			}
		}
	}
}

func number(f float64) string {
	text, _ := json.Marshal(f)
	return string(text)
}
