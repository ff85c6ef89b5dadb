package state

import "strconv"

// Host is what a host says of itself. It is written by that host's loops, only when it changes, and rides the host's lease.
type Host struct {
	Name string `json:"name"`
	// Applied is the SpecRev of the newest snapshot that the host has made real: kernel, listeners and DNS.
	Applied int64 `json:"applied"`
	// Failures says why a resource, by id or ARN, could not be made real.
	Failures map[string]string `json:"failures,omitempty"`
	// Disabled is why the host can make nothing real: it fails every resource.
	Disabled string `json:"disabled,omitempty"`
}

// Health is what a host sees of one target of a target group.
type Health struct {
	Host        string `json:"host"`
	TargetGroup string `json:"targetGroup"` // Lattice id or ELB ARN
	Target      string `json:"target"`
	Port        int32  `json:"port,omitempty"`
	// Status is INITIAL, HEALTHY, UNHEALTHY or UNAVAILABLE, of a target that was deregistered DRAINING or DRAINED; Reason is AWS's code for it, Detail a sentence.
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Status tables.
var (
	Hosts   = &Table[Host]{name: "host", status: true, key: func(h *Host) string { return h.Name }}
	Healths = &Table[Health]{name: "health", status: true,
		key:     HealthKey,
		indexes: []Index[Health]{{ByTargetGroup, one(func(h *Health) string { return h.TargetGroup })}}}
)

func hostTables() []table { return []table{Hosts, Healths, Tokens} }

// Realised says whether every host has made real what a row asked for at revision rev. The failure, where there is one, is
// why that did not happen for the resource with the id; without an id nothing fails. With no host there is nobody to make
// anything real.
func Realised(s *Snapshot, rev int64, id string) (done bool, failure string) {
	n := 0
	done = true
	for h := range Hosts.All(s) {
		n++
		if f, ok := h.Failures[id]; ok {
			failure = f
		} else if h.Disabled != "" && id != "" {
			failure = h.Disabled
		}
		if h.Applied < rev {
			done = false
		}
	}
	return done && n > 0, failure
}

// HealthKey returns the key of a host's word on a target.
func HealthKey(h *Health) string {
	return h.Host + "/" + h.TargetGroup + "/" + h.Target + "/" + strconv.Itoa(int(h.Port))
}
