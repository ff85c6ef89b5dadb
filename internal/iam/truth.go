package iam

// truth is the three-valued result of evaluating an element; the order of the constants makes and, or and not arithmetic.
type truth uint8

const (
	no truth = iota
	unsure
	yes
)

func (t truth) not() truth { return yes - t }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// applies says whether a statement of the effect takes part when its elements come to t.
func (t truth) applies(e Effect) bool {
	if e == Deny {
		return t != no
	}
	return t == yes
}
