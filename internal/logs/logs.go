// Package logs owns the log groups of CloudWatch Logs. The Logs API writes them, and whoever sends events to a group that
// is not there yet; the events themselves are in package journal, under the group's id.
package logs

import (
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Group is a log group.
type Group struct {
	vpc.Owner
	Name string `json:"name"`
	// ID is the group's in package journal. A group that is deleted and made again has another one.
	ID        string    `json:"id"`
	Created   time.Time `json:"created"`
	Retention int32     `json:"retention,omitempty"` // days; 0 keeps events for ever
	Class     string    `json:"class"`
	Protected bool      `json:"protected,omitempty"` // DeletionProtectionEnabled
	Tags      tag.Set   `json:"tags,omitempty"`
}

// ARN returns the group's name without the ":*" that some answers add.
func (g *Group) ARN() string {
	return arn.New("logs", g.Region, g.Account, "log-group:"+g.Name).String()
}

// Oldest returns the time in milliseconds before which events have expired.
func (g *Group) Oldest(now time.Time) int64 {
	if g.Retention == 0 {
		return 0
	}
	return now.AddDate(0, 0, -int(g.Retention)).UnixMilli()
}

// Retentions are the numbers of days that can be chosen.
func Retentions() []int32 {
	return []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

// Match reports whether a message satisfies a filter pattern of terms: every plain term and quoted phrase must be in it, none
// that begins with "-", and one at least of those that begin with "?". Letter case counts.
func Match(pattern, message string) bool {
	optional, met := false, false
	for _, t := range terms(pattern) {
		has := strings.Contains(message, t.text)
		switch t.sign {
		case '-':
			if has {
				return false
			}
		case '?':
			optional, met = true, met || has
		default:
			if !has {
				return false
			}
		}
	}
	return !optional || met
}

type term struct {
	sign byte
	text string
}

func terms(pattern string) []term {
	var out []term
	for {
		pattern = strings.TrimLeft(pattern, " \t\n")
		if pattern == "" {
			return out
		}
		var t term
		if pattern[0] == '-' || pattern[0] == '?' {
			t.sign, pattern = pattern[0], pattern[1:]
		}
		if strings.HasPrefix(pattern, `"`) {
			t.text, pattern, _ = strings.Cut(pattern[1:], `"`)
		} else {
			end := strings.IndexAny(pattern, " \t\n")
			if end < 0 {
				end = len(pattern)
			}
			t.text, pattern = pattern[:end], pattern[end:]
		}
		if t.text != "" {
			out = append(out, t)
		}
	}
}

// Structured reports whether a pattern is one for JSON or for space-delimited events, which Match does not know.
func Structured(pattern string) bool {
	p := strings.TrimSpace(pattern)
	return strings.HasPrefix(p, "{") || strings.HasPrefix(p, "[") || strings.HasPrefix(p, "%")
}
