package identity

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
)

// Session is a temporary identity: of a role, of a user, or where neither is named of an account's root user.
type Session struct {
	AccessKey string    `json:"k"` // ASIA…
	Secret    string    `json:"s"`
	Account   string    `json:"a"`
	Issued    time.Time `json:"b"`
	Expires   time.Time `json:"e"`
	// Role is the ARN of the role, RoleID its id and Name the session's name.
	Role   string `json:"r,omitempty"`
	RoleID string `json:"i,omitempty"`
	Name   string `json:"n,omitempty"`
	// User is the name of the user, UserID its id.
	User   string `json:"u,omitempty"`
	UserID string `json:"j,omitempty"`
	// Policy is the session policy's document.
	Policy string `json:"p,omitempty"`
	// Tags are the session's, of which those with keys in Transitive pass on to the sessions it starts.
	Tags           tag.Set  `json:"t,omitempty"`
	Transitive     []string `json:"v,omitempty"`
	SourceIdentity string   `json:"o,omitempty"`
}

// RoleSessionARN returns the name of a session of the role with the ARN.
func RoleSessionARN(role, session string) string {
	account, name, _ := SplitRole(role)
	return arn.New("sts", "", account, "assumed-role/"+name+"/"+session).String()
}

// Credentials are what a session signs with.
type Credentials struct {
	AccessKey, Secret, Token string
	Expires                  time.Time
	// ARN is the session's: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, and ID its AROA…:SESSION.
	ARN, ID string
	// SourceIdentity is whom the session acts for, as its first caller said.
	SourceIdentity string
}

// Assumption asks for a session of a role.
type Assumption struct {
	Role    string // ARN
	Session string
	// Duration is how long the session lasts, an hour if zero.
	Duration time.Duration
	// Policy is a session policy's document, and Policies are ARNs of managed policies that join it.
	Policy   string
	Policies []string
	// ExternalID is the value of sts:ExternalId; without one the key is absent.
	ExternalID     string
	SourceIdentity string
	Tags           tag.Set
	Transitive     []string
}
