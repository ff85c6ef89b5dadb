package vpc

import (
	"time"

	"trellis/internal/fault"
	"trellis/internal/tag"
)

// Statuses of a peering. Provisioning is never stored: it is what an active one is until every host has made it real.
const (
	PeeringPending      = "pending-acceptance"
	PeeringProvisioning = "provisioning"
	PeeringActive       = "active"
	PeeringDeleted      = "deleted"
	PeeringRejected     = "rejected"
	PeeringFailed       = "failed"
	PeeringExpired      = "expired"
)

// How long a request waits for an answer, and how long a peering that ended stays visible.
const (
	PeeringPatience = 7 * 24 * time.Hour
	PeeringMemory   = 2 * time.Hour
)

// StatusAt returns the status at the time: a request nobody answered expires.
func (p *Peering) StatusAt(now time.Time) string {
	if p.Status == PeeringPending && !p.Expires.IsZero() && now.After(p.Expires) {
		return PeeringExpired
	}
	return p.Status
}

// Live reports whether the peering leads, or may yet lead, from one VPC to the other.
func (p *Peering) Live(now time.Time) bool {
	s := p.StatusAt(now)
	return s == PeeringPending || s == PeeringActive
}

// Visible reports whether the peering is still shown to its sides.
func (p *Peering) Visible(now time.Time) bool {
	if p.Live(now) {
		return true
	}
	ended := p.Ended
	if ended.IsZero() {
		ended = p.Expires
	}
	return now.Before(ended.Add(PeeringMemory))
}

// Accept makes a pending peering active.
func (p *Peering) Accept(now time.Time) error {
	if err := p.move(PeeringPending, "provisioning", now); err != nil {
		return err
	}
	p.Status, p.Message, p.Expires, p.Provisioning = PeeringActive, "Active", time.Time{}, true
	return nil
}

// Reject ends a pending peering.
func (p *Peering) Reject(by string, now time.Time) error {
	if err := p.move(PeeringPending, PeeringRejected, now); err != nil {
		return err
	}
	p.Status, p.Message, p.Expires, p.Ended = PeeringRejected, "Rejected by "+by, time.Time{}, now
	return nil
}

// Delete ends a peering that is live.
func (p *Peering) Delete(by string, now time.Time) error {
	if !p.Live(now) {
		return p.move(PeeringActive, PeeringDeleted, now)
	}
	p.Status, p.Message, p.Expires, p.Ended, p.Provisioning = PeeringDeleted, "Deleted by "+by, time.Time{}, now, false
	return nil
}

func (p *Peering) move(from, to string, now time.Time) error {
	if s := p.StatusAt(now); s != from {
		return fault.New(fault.Conflict, "InvalidStateTransition",
			"Invalid state transition for %s, attempted to transition from %s to %s", p.ID, s, to)
	}
	return nil
}

// Side returns the end of the peering that is the VPC, and the other end.
func (p *Peering) Side(vpcID string) (near, far PeerSide, ok bool) {
	switch vpcID {
	case p.Requester.VPC:
		return p.Requester, p.Accepter, true
	case p.Accepter.VPC:
		return p.Accepter, p.Requester, true
	}
	return PeerSide{}, PeerSide{}, false
}

// TagsOf returns the tags that the owner of a side gave the peering; the requester's where both are one's own.
func (p *Peering) TagsOf(o Owner) *tag.Set {
	if p.Requester.Owner == o {
		return &p.Requester.Tags
	}
	return &p.Accepter.Tags
}
