package lattice

import (
	"fmt"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/fault"
)

// Kind is what is common to the resources of one type.
type Kind struct {
	// Title and Type name the type in messages and in errors.
	Title, Type string
	// Prefix begins the ids.
	Prefix string
	// minName and maxName bound the length of names; a name that begins with Prefix is refused where banned is set.
	minName, maxName int
	banned           bool
	// hex says that ids have hexadecimal digits only.
	hex bool
}

// Kinds of resources. Those with lengths of names are named by their owner.
var (
	KindService        = Kind{Title: "service", Type: "SERVICE", Prefix: "svc-", minName: 3, maxName: 40, banned: true}
	KindNetwork        = Kind{Title: "service network", Type: "SERVICE_NETWORK", Prefix: "sn-", minName: 3, maxName: 63}
	KindListener       = Kind{Title: "listener", Type: "LISTENER", Prefix: "listener-", minName: 3, maxName: 63, banned: true}
	KindRule           = Kind{Title: "rule", Type: "RULE", Prefix: "rule-", minName: 3, maxName: 63, banned: true}
	KindTargetGroup    = Kind{Title: "target group", Type: "TARGET_GROUP", Prefix: "tg-", minName: 3, maxName: 128, banned: true}
	KindNetworkService = Kind{Title: "service network service association", Type: "SERVICE_NETWORK_SERVICE_ASSOCIATION", Prefix: "snsa-"}
	KindNetworkVPC     = Kind{Title: "service network VPC association", Type: "SERVICE_NETWORK_VPC_ASSOCIATION", Prefix: "snva-"}
	KindSubscription   = Kind{Title: "access log subscription", Type: "ACCESS_LOG_SUBSCRIPTION", Prefix: "als-"}

	KindGateway         = Kind{Title: "resource gateway", Type: "RESOURCE_GATEWAY", Prefix: "rgw-", minName: 3, maxName: 40, banned: true}
	KindConfiguration   = Kind{Title: "resource configuration", Type: "RESOURCE_CONFIGURATION", Prefix: "rcfg-", minName: 3, maxName: 40, banned: true}
	KindEndpoint        = Kind{Title: "resource endpoint association", Type: "RESOURCE_ENDPOINT_ASSOCIATION", Prefix: "rea-", hex: true}
	KindVerification    = Kind{Title: "domain verification", Type: "DOMAIN_VERIFICATION", Prefix: "dv-", hex: true}
	KindNetworkResource = Kind{Title: "service network resource association", Type: "SERVICE_NETWORK_RESOURCE_ASSOCIATION", Prefix: "snra-", hex: true}
)

// Mint returns a new id.
func (k Kind) Mint() string {
	if k.hex {
		return arn.MintHex(k.Prefix)
	}
	return arn.Mint(k.Prefix)
}

// IDOf returns the id that an identifier, an id or an ARN, ends in.
func IDOf(identifier string) string {
	if arn.Is(identifier) {
		return identifier[strings.LastIndexByte(identifier, '/')+1:]
	}
	return identifier
}

// Invalid returns the refusal of one member of a request.
func Invalid(field, format string, args ...any) *fault.Error {
	message := fmt.Sprintf(format, args...)
	return &fault.Error{Kind: fault.Invalid, Message: message, Reason: "fieldValidationFailed", Fields: []fault.Field{{Name: field, Message: message}}}
}

// CheckName checks a name against the grammar of its kind.
func (k Kind) CheckName(name string) error {
	switch {
	case len(name) < k.minName || len(name) > k.maxName:
		return Invalid("name", "The name of a %s must have between %d and %d characters.", k.Title, k.minName, k.maxName)
	case !isWords(name):
		return Invalid("name", "The name of a %s may hold a-z, 0-9 and hyphens, with no hyphen first, last or after another one.", k.Title)
	case k.banned && strings.HasPrefix(name, k.Prefix):
		return Invalid("name", "The name of a %s must not begin with %s.", k.Title, k.Prefix)
	}
	return nil
}

// isWords reports whether s is made of words of [a-z0-9] with one hyphen between two.
func isWords(s string) bool {
	last := byte('-')
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || last == '-') {
			return false
		}
		last = c
	}
	return last != '-'
}

// CheckDomain checks a custom domain name.
func CheckDomain(name string) error {
	bad := len(name) < 3 || len(name) > 255 || !strings.Contains(name, ".")
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		bad = bad || label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-'
		for i := range len(label) {
			c := label[i]
			bad = bad || (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
		}
	}
	if bad {
		return Invalid("customDomainName", "'%.255s' is not a domain name such as parking.example.com.", name)
	}
	return nil
}

// CheckAuthType checks an auth type.
func CheckAuthType(t string) error {
	if t != AuthNone && t != AuthIAM {
		return Invalid("authType", "The auth type must be %s or %s.", AuthNone, AuthIAM)
	}
	return nil
}
