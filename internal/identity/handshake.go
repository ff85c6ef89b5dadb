package identity

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/fault"
)

// Handshake is an organization's invitation to an account.
type Handshake struct {
	ID           string `json:"id"` // h-…
	Organization string `json:"organization"`
	// Management and Features are the organization's, as the invitation shows them even when the organization is gone.
	Management string `json:"management"`
	Features   string `json:"features"`
	Account    string `json:"account"`
	// Email is set when the account was invited by its address.
	Email     string    `json:"email,omitempty"`
	Notes     string    `json:"notes,omitempty"`
	State     string    `json:"state"`
	Requested time.Time `json:"requested"`
	Expires   time.Time `json:"expires"`
}

// States of a handshake. It can be left only from Open.
const (
	HandshakeOpen     = "OPEN"
	HandshakeAccepted = "ACCEPTED"
	HandshakeDeclined = "DECLINED"
	HandshakeCanceled = "CANCELED"
	HandshakeExpired  = "EXPIRED"
)

// An invitation is open for 15 days, and shown for 30 more.
const (
	handshakeLife  = 15 * 24 * time.Hour
	handshakeShown = 30 * 24 * time.Hour
)

// NewHandshake returns an open invitation of the account by the organization.
func NewHandshake(o *Organization, account string, now time.Time) *Handshake {
	return &Handshake{ID: "h-" + arn.Random(10), Organization: o.ID, Management: o.Management, Features: o.FeatureSet, Account: account,
		State: HandshakeOpen, Requested: now, Expires: now.Add(handshakeLife)}
}

// ARN returns the handshake's name.
func (h *Handshake) ARN() string {
	return arn.New("organizations", "", h.Management, "handshake/"+h.Organization+"/invite/"+h.ID).String()
}

// StateAt returns the handshake's state at a time.
func (h *Handshake) StateAt(now time.Time) string {
	if h.State == HandshakeOpen && !now.Before(h.Expires) {
		return HandshakeExpired
	}
	return h.State
}

// ShownAt says whether the handshake is still listed.
func (h *Handshake) ShownAt(now time.Time) bool { return now.Before(h.Expires.Add(handshakeShown)) }

// Move changes the state to one of the final ones.
func (h *Handshake) Move(to string, now time.Time) error {
	switch from := h.StateAt(now); from {
	case HandshakeOpen:
		h.State = to
		return nil
	case to:
		return fault.New(fault.Conflict, "HandshakeAlreadyInStateException", "The handshake is already in the state %s.", from)
	default:
		return fault.New(fault.Conflict, "InvalidHandshakeTransitionException", "A handshake that is %s can't become %s.", from, to)
	}
}
