package proxy

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"trellis/internal/proxy/http1"
)

// Journal remembers the last requests well enough to explain, when asked, how each was decided. Remembering one copies
// its head into memory that is reused; explaining it decides it again from there.
type Journal struct {
	mu    sync.Mutex
	next  int
	slots []entry
}

type entry struct {
	text      []byte // the id, then the head
	id        int    // the id's length
	front     *Front
	service   *Service
	principal *Principal
	group     *TargetGroup
	target    *Target
	client    netip.AddrPort
	when      time.Time
	status    int
	layer     Layer
	failure   Failure
	rule      string
	refusal   string
}

// maxJournalHead bounds the memory of one remembered request. Larger heads are remembered without being explainable.
const maxJournalHead = 8 << 10

// NewJournal returns a journal of the last n requests.
func NewJournal(n int) *Journal { return &Journal{slots: make([]entry, max(n, 1))} }

// Note is what a Journal is told of a request besides its record.
type Note struct {
	ID    string
	Head  []byte
	Front *Front
	// Rule is the ARN of the rule that matched, Refusal what was wrong with the request or its signature.
	Rule, Refusal string
}

// Add remembers a request. It copies what it is given.
func (j *Journal) Add(n *Note, c *Record) {
	j.mu.Lock()
	e := &j.slots[j.next]
	if j.next++; j.next == len(j.slots) {
		j.next = 0
	}
	e.text = append(e.text[:0], n.ID...)
	e.id = len(n.ID)
	if len(n.Head) <= maxJournalHead {
		e.text = append(e.text, n.Head...)
	}
	e.front, e.service, e.principal, e.group, e.target = n.Front, c.Service, c.Principal, c.Group, c.Target
	e.client, e.when, e.status, e.layer, e.failure = c.Client, c.Start, c.Status, c.DeniedBy, c.Failure
	e.rule, e.refusal = n.Rule, n.Refusal
	j.mu.Unlock()
}

// Explanation says what became of a request and why.
type Explanation struct {
	RequestID     string
	Time          time.Time
	Method        string
	Host          string
	Target        string // path and query as sent
	Client        string
	SourceVPC     string
	SourceAccount string
	Network       string
	Service       string
	// Principal is the verified caller's ARN, empty for an anonymous one.
	Principal string
	Status    int
	Failure   Failure
	// Refusal says what was wrong with the request or its signature before any policy was asked.
	Refusal string
	// DeniedBy is the layer that refused.
	DeniedBy Layer
	// Layers are the policy layers in the order they are asked.
	Layers []LayerFinding
	// Rule is the ARN of the listener rule that matched, empty for the default action.
	Rule, TargetGroup, TargetID string
}

// LayerFinding is what one policy layer says of a request.
type LayerFinding struct {
	Layer Layer
	// InForce is false for a layer whose auth type is NONE, and HasPolicy for one that has none and so denies everything.
	InForce, HasPolicy bool
	Finding
}

// Explain says how the newest request of that id was decided.
func (j *Journal) Explain(requestID string) (*Explanation, bool) {
	e, ok := j.find(requestID)
	if !ok {
		return nil, false
	}
	x := &Explanation{RequestID: requestID, Time: e.when, Client: e.client.String(), Status: e.status, Failure: e.failure,
		Refusal: e.refusal, DeniedBy: e.layer, Rule: e.rule}
	if e.group != nil {
		x.TargetGroup = e.group.ARN
	}
	if e.target != nil {
		x.TargetID = e.target.ID
	}
	if v := e.front.VPC; v != nil {
		x.SourceVPC, x.SourceAccount = v.ID, v.Owner
		if v.Network != nil {
			x.Network = v.Network.ARN
		}
	}
	if e.principal != nil {
		x.Principal = e.principal.ARN
	}
	var req Request
	if head := e.text[e.id:]; len(head) == 0 || req.Parse(head, http1.Limits{}) != nil {
		return x, true
	}
	req.Decode(e.client.Addr())
	x.Method, x.Host, x.Target = req.Method, req.Host, req.Path
	if req.HasQuery {
		x.Target += "?" + req.Query
	}
	if e.service == nil || e.front.VPC == nil {
		return x, true
	}
	x.Service = e.service.ARN
	if e.refusal == "" {
		var auth AuthRequest
		auth.Reset(&req, e.front.VPC, e.service, e.front.Port, e.principal)
		x.Layers = explainLayers(&auth)
	}
	return x, true
}

// find copies an entry out of the ring.
func (j *Journal) find(requestID string) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.slots {
		e := j.slots[(j.next-1-i+2*len(j.slots))%len(j.slots)]
		if e.front != nil && string(e.text[:e.id]) == requestID {
			e.text = slices.Clone(e.text)
			return e, true
		}
	}
	return entry{}, false
}

func explainLayers(r *AuthRequest) []LayerFinding {
	var out []LayerFinding
	for l := NetworkLayer; l <= IdentityLayer; l++ {
		p, inForce := r.policyOf(l)
		f := LayerFinding{Layer: l, InForce: inForce, HasPolicy: p != nil}
		switch {
		case !inForce:
			f.Verdict = Allowed
		case p != nil:
			f.Finding = p.Explain(r)
		}
		out = append(out, f)
	}
	return out
}
