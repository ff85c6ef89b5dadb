//go:build linux

package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// inside is the user and group id that a function sees itself as.
const inside = 1000

// idRange is one line of a uid_map or gid_map: count ids from first on exist here.
type idRange struct{ first, count uint32 }

// hostIDs says which ids of the server's own user namespace its instances run under.
type hostIDs struct {
	first, count uint32
	// shared is true where the server has one id only, so that instances have to run under it.
	shared bool
	// dropGroups is true where the server may take its supplementary groups from an instance.
	dropGroups bool
}

// Ids for instances where all are there: above those systemd gives to containers and below the sign bit.
const (
	highFirst = 0x70000000
	highCount = 1 << 20
)

// chooseIDs picks instances' ids: high ones where the namespace has all, else all but the server's from the largest range,
// else the server's own.
func chooseIDs(ranges []idRange, server uint32) hostIDs {
	var best idRange
	for _, r := range ranges {
		if r.first <= highFirst && uint64(r.first)+uint64(r.count) >= highFirst+highCount {
			return hostIDs{first: highFirst, count: highCount}
		}
		if server >= r.first && server-r.first < r.count {
			// Only what comes after the server's own id is used: in a range made by newuidmap that is all of it but one.
			r = idRange{server + 1, r.count - 1 - (server - r.first)}
		}
		if r.count > best.count {
			best = r
		}
	}
	if best.count == 0 {
		return hostIDs{first: server, count: 1, shared: true}
	}
	return hostIDs{first: best.first, count: best.count}
}

// pick returns the id of the n-th instance.
func (h hostIDs) pick(n uint32) int { return int(h.first + n%h.count) }

func (h hostIDs) String() string {
	if h.shared {
		return fmt.Sprintf("the server's own user id %d: no other is mapped", h.first)
	}
	return fmt.Sprintf("user ids %d-%d", h.first, h.first+h.count-1)
}

func parseIDMap(r io.Reader) ([]idRange, error) {
	var out []idRange
	s := bufio.NewScanner(r)
	for s.Scan() {
		var in, outside, count uint32
		if n, err := fmt.Sscan(s.Text(), &in, &outside, &count); n != 3 {
			return nil, fmt.Errorf("id map line %q: %w", s.Text(), err)
		}
		out = append(out, idRange{in, count})
	}
	return out, s.Err()
}

// readIDs chooses by the server's own maps. An id serves as user and as group, so both maps must have it.
func readIDs() (hostIDs, error) {
	var chosen [2]hostIDs
	for i, m := range []struct {
		path string
		own  int
	}{{"/proc/self/uid_map", os.Geteuid()}, {"/proc/self/gid_map", os.Getegid()}} {
		f, err := os.Open(m.path)
		if err != nil {
			return hostIDs{}, err
		}
		ranges, err := parseIDMap(f)
		f.Close()
		if err != nil {
			return hostIDs{}, err
		}
		chosen[i] = chooseIDs(ranges, uint32(m.own))
	}
	uid, gid := chosen[0], chosen[1]
	if uid != gid {
		// Maps that differ leave only what is sure to be in both: the server's own ids.
		if os.Geteuid() != os.Getegid() {
			return hostIDs{}, fmt.Errorf("user id %d and group id %d of the server differ, and so do the ids it may give to functions (%v; %v)",
				os.Geteuid(), os.Getegid(), uid, gid)
		}
		uid = hostIDs{first: uint32(os.Geteuid()), count: 1, shared: true}
	}
	setgroups, err := os.ReadFile("/proc/self/setgroups")
	uid.dropGroups = err == nil && strings.TrimSpace(string(setgroups)) == "allow" && !uid.shared
	return uid, nil
}
