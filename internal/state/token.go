package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Token remembers what a client token made, so that a repeated request makes nothing new.
type Token struct {
	// Scope is "ACCOUNT/REGION", Operation the API's and the operation's name.
	Scope     string    `json:"scope"`
	Operation string    `json:"operation"`
	Token     string    `json:"token"`
	Digest    string    `json:"digest"`
	Result    string    `json:"result"` // the id or ARN of what was made
	Made      time.Time `json:"made"`
}

// Tokens are kept for a day.
var Tokens = &Table[Token]{name: "token", key: tokenKey, record: true}

func tokenKey(t *Token) string { return t.Scope + "/" + t.Operation + "/" + t.Token }

const tokenLife = 24 * time.Hour

// Digest identifies a request's parameters, whatever their order.
func Digest(params any) string {
	raw, err := json.Marshal(params)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Seen looks a client token up. found says that the token was used; same that it was with these parameters, in which
// case result is what that request made. An empty token was never used.
func Seen(tx *Tx, scope, operation, token, digest string, now time.Time) (result string, found, same bool) {
	if token == "" {
		return "", false, false
	}
	t, ok := Tokens.Get(tx, tokenKey(&Token{Scope: scope, Operation: operation, Token: token}))
	if !ok || now.Sub(t.Made) > tokenLife {
		return "", false, false
	}
	return t.Result, true, t.Digest == digest
}

// Remember stores what a client token made. An empty token is not remembered.
func Remember(tx *Tx, scope, operation, token, digest, result string, now time.Time) {
	if token != "" {
		Tokens.Put(tx, &Token{scope, operation, token, digest, result, now})
	}
}
