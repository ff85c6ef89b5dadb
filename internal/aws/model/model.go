// Package model is the form of the generated API tables: which operations an
// AWS API has, how each travels on the wire and what its members must satisfy.
// The tables themselves live in one generated package per API and are written
// by the generator only; nothing changes them at run time.
package model

// Protocol is the wire form an API speaks.
type Protocol uint8

const (
	RESTJSON Protocol = iota + 1
	JSON10
	JSON11
	Query
	EC2Query
)

// Kind is the form of a value.
type Kind uint8

const (
	String Kind = iota + 1
	Boolean
	Integer
	Long
	Float
	Timestamp
	Blob
	Document
	List
	Map
	Structure
)

// Location says where in an HTTP message a member of an input or output
// travels.
type Location uint8

const (
	InBody Location = iota
	InPath
	InQuery
	InHeader
	InStatus
)

// TimeFormat is the text form of a timestamp. The zero value leaves it to the
// protocol and location.
type TimeFormat uint8

const (
	DefaultTime TimeFormat = iota
	ISO8601
	UnixTime
	RFC822
)

// Service is one AWS API.
type Service struct {
	Package        string // Go package of the generated types
	Name           string // service id, as in "VPC Lattice"
	Protocol       Protocol
	SigningName    string // service name in a credential scope
	EndpointPrefix string // first label of its host names
	ActionPrefix   string // prefix of its actions in IAM policies
	APIVersion     string
	TargetPrefix   string // of X-Amz-Target, JSON protocols
	XMLNamespace   string
	Operations     []Operation // types are generated for these, sorted by name
	Known          []string    // every operation of the API, sorted by name
	Routes         []Route     // the same with paths, where paths select operations
	Errors         []Error     // those Operations may answer, sorted by name
	Shapes         [][]Shape   // sorted by name, in chunks
}

// Route is where an operation is found, whether or not types exist for it.
type Route struct {
	Name, Method, Path string
}

// Operation is one operation with generated types.
type Operation struct {
	Name          string
	Method        string
	Path          string // URI template, possibly with literal query parameters
	Status        int    // of a successful answer
	Input         string // shape names; empty when the API defines none
	Output        string
	ResultWrapper string
	Errors        []string
	NewInput      func() any
	NewOutput     func() any
}

// Error is an error the API declares.
type Error struct {
	Name   string // shape name
	Code   string // what travels as the code
	Status int
}

// Shape describes a type and its constraints. The members of a structure stand
// in the order of the fields of its Go type.
type Shape struct {
	Name    string
	Kind    Kind
	HasMin  bool
	HasMax  bool
	Union   bool
	Time    TimeFormat
	Min     float64
	Max     float64
	Pattern string   // as AWS words it in messages
	Match   *Match   // set when Pattern is not what Go's regexp accepts
	Enum    []string // permitted values
	Payload string   // member that is the whole body
	Members []Member
	Key     string // shape of map keys
	Elem    string // shape of list elements or map values
	Wire    string // element name of list members, where the protocol has one
}

// Match is a pattern expressed without lookaround: a value satisfies it when
// it matches Must as a whole and none of Not anywhere.
type Match struct {
	Must string
	Not  []string
}

// Member is one member of a structure.
type Member struct {
	Name     string
	Wire     string // name on the wire where it differs from Name
	Query    string // name in an EC2 request where it differs from Wire
	Shape    string
	In       Location
	Required bool
}

// WireName is the member's name in JSON, XML, headers and query strings.
func (m *Member) WireName() string {
	if m.Wire != "" {
		return m.Wire
	}
	return m.Name
}

// QueryName is the member's name in a form-encoded request.
func (m *Member) QueryName() string {
	if m.Query != "" {
		return m.Query
	}
	return m.WireName()
}

// Shape finds a shape by name, nil when there is none.
func (s *Service) Shape(name string) *Shape {
	for _, chunk := range s.Shapes {
		if len(chunk) == 0 || chunk[len(chunk)-1].Name < name {
			continue
		}
		lo, hi := 0, len(chunk)
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			if chunk[mid].Name < name {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		if lo < len(chunk) && chunk[lo].Name == name {
			return &chunk[lo]
		}
		return nil
	}
	return nil
}

// New makes an empty input or output.
func New[T any]() any { return new(T) }
