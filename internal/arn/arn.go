// Package arn owns the grammar of Amazon resource names and of resource ids: parse, check and mint. It keeps no state.
package arn

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// ARN is a parsed Amazon resource name: arn:Partition:Service:Region:Account:Resource.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Parse splits s. It fails unless s has all six parts and a resource; region and account may be empty.
func Parse(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, fmt.Errorf("%q is not an ARN: it must look like arn:partition:service:region:account:resource", clip(s))
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c == 0x7f {
			return ARN{}, fmt.Errorf("%q is not an ARN: it holds a space or a control character", clip(s))
		}
	}
	return ARN{parts[1], parts[2], parts[3], parts[4], parts[5]}, nil
}

func clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "…"
	}
	return s
}

// Is reports whether s looks like an ARN, well formed or not.
func Is(s string) bool { return strings.HasPrefix(s, "arn:") }

// New returns an ARN in the partition aws.
func New(service, region, account, resource string) ARN {
	return ARN{"aws", service, region, account, resource}
}

func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Type returns the resource's part before the first "/" or ":", and ID what comes after it; for a resource without
// either, Type is empty and ID is the whole resource.
func (a ARN) Type() string {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return a.Resource[:i]
	}
	return ""
}

// ID returns the resource's part after the first "/" or ":".
func (a ARN) ID() string {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return a.Resource[i+1:]
	}
	return a.Resource
}

// Last returns the part of the resource after its last "/".
func (a ARN) Last() string { return a.Resource[strings.LastIndexByte(a.Resource, '/')+1:] }

const (
	alnum = "0123456789abcdefghijklmnopqrstuvwxyz"
	hexad = "0123456789abcdef"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// Mint returns prefix followed by 17 random characters of [0-9a-z], the form of VPC Lattice ids such as svc-….
func Mint(prefix string) string { return prefix + random(17, alnum) }

// MintHex returns prefix followed by 17 random hexadecimal digits, the form of EC2 ids such as vpc-….
func MintHex(prefix string) string { return prefix + random(17, hexad) }

// MintKey returns prefix followed by 16 random characters of [A-Z2-7], the form of IAM ids such as AKIA… and AROA….
func MintKey(prefix string) string { return prefix + random(17, upper)[:16] }

// Random returns n random characters of [0-9a-z].
func Random(n int) string { return random(n, alnum) }

// RandomHex returns n random hexadecimal digits.
func RandomHex(n int) string { return random(n, hexad) }

// RandomDigits returns n random decimal digits of which the first is not zero.
func RandomDigits(n int) string {
	return random(1, "123456789") + random(n-1, "0123456789")
}

func random(n int, alphabet string) string {
	out := make([]byte, 0, n)
	limit := byte(256 / len(alphabet) * len(alphabet) % 256)
	var buf [32]byte
	for {
		rand.Read(buf[:])
		for _, b := range buf {
			if limit != 0 && b >= limit {
				continue
			}
			if len(out) == n {
				return string(out)
			}
			out = append(out, alphabet[int(b)%len(alphabet)])
		}
	}
}

// HasID reports whether s is prefix followed by 17 of [0-9a-z], or for old EC2 ids 8.
func HasID(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != 17 && len(rest) != 8 {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// IsAccount reports whether s is an account id: 12 decimal digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
