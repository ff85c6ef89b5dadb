package state

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/logs"
	"trellis/internal/vpc"
)

// LogGroups are keyed by "ACCOUNT/REGION/NAME".
var LogGroups = &Table[logs.Group]{name: "log-group", key: func(g *logs.Group) string { return LogGroupKey(g.Owner, g.Name) },
	indexes: []Index[logs.Group]{{ByScope, one(func(g *logs.Group) string { return g.Scope() })}}}

func logTables() []table { return []table{LogGroups} }

// LogGroupKey returns the key of a log group.
func LogGroupKey(o vpc.Owner, name string) string { return named(o, name) }

// EnsureLogGroup returns the group, after making it if it was not there.
func EnsureLogGroup(tx *Tx, o vpc.Owner, name string, now time.Time) *logs.Group {
	if g, ok := LogGroups.Get(tx, LogGroupKey(o, name)); ok {
		return g
	}
	g := &logs.Group{Owner: o, Name: name, ID: arn.RandomHex(32), Created: now.UTC(), Class: "STANDARD"}
	LogGroups.Put(tx, g)
	return g
}
