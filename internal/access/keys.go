package access

import (
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/iam"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// keys answers for the condition keys of a call. A key it neither knows nor knows to be absent is unavailable, so that no
// statement allows because of what could not be looked up.
type keys struct {
	// service is the prefix of the action; keys of other services are absent.
	service  string
	known    iam.Map
	request  tag.Set
	resource tag.Set
	// resourceOrg and resourcePaths are where in which organization the resource's account is.
	resourceOrg, resourcePaths []string
	// resourceUntold says that the resource, or what tags it has, cannot be told.
	resourceUntold bool
}

// callKeys returns the keys that follow from the caller.
func callKeys(s *state.Snapshot, who *caller.Caller) keys {
	k := keys{known: iam.Map{}}
	k.set("aws:RequestedRegion", nonEmpty(who.Region)...)
	k.set("aws:SourceIp", nonEmpty(who.SourceIP)...)
	k.set("aws:UserAgent", nonEmpty(who.UserAgent)...)
	k.set("aws:SecureTransport", "false")
	k.set("aws:ViaAWSService", "false")
	k.set("aws:SourceIdentity", nonEmpty(who.SourceIdentity)...)
	if !who.Issued.IsZero() {
		k.set("aws:TokenIssueTime", who.Issued.UTC().Format(time.RFC3339))
		k.set("aws:MultiFactorAuthPresent", "false")
	}
	k.set("aws:PrincipalOrgPaths", organizationPath(s, who.Account)...)
	return k
}

func (k keys) set(name string, values ...string) { k.known.Set(name, values...) }

func (k *keys) requestTags(tags tag.Set) {
	k.request = tags
	k.set("aws:TagKeys", tags.Keys()...)
}

// resourceTags says which tags the resource has; the service has a key of its own for them.
func (k *keys) resourceTags(service string, tags tag.Set) {
	k.resource, k.resourceUntold = tags, false
	if service != k.service {
		for name, value := range tags {
			k.set(service+":ResourceTag/"+name, value)
		}
	}
}

// setResource fills in the keys that follow from the resource, and which account owns it.
func (k *keys) setResource(s *state.Snapshot, r *iam.Resource) {
	k.resource, k.resourceOrg, k.resourcePaths, k.resourceUntold = nil, nil, nil, r.Unknown
	if r.Unknown || r.ARN == "*" {
		return
	}
	a, err := arn.Parse(r.ARN)
	if err != nil {
		return
	}
	if arn.IsAccount(a.Account) {
		r.Account = a.Account
	}
	tags, told := tagsOf(s, a, r.ARN)
	k.resource, k.resourceUntold = tags, !told
	if o, ok := state.OrganizationOf(s, r.Account); ok {
		k.resourceOrg, k.resourcePaths = []string{o.ID}, organizationPath(s, r.Account)
	}
}

// absent are global keys that no call here has unless they are set.
var absent = map[string]bool{
	"aws:calledvia": true, "aws:calledviafirst": true, "aws:calledvialast": true, "aws:federatedprovider": true,
	"aws:multifactorauthage": true, "aws:multifactorauthpresent": true, "aws:principalaccount": true, "aws:principalarn": true,
	"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:principalservicename": true, "aws:principalservicenameslist": true,
	"aws:principaltag": true, "aws:referer": true, "aws:requestedregion": true,
	"aws:sourceaccount": true, "aws:sourcearn": true, "aws:sourceidentity": true, "aws:sourceip": true, "aws:sourceorgid": true,
	"aws:sourceorgpaths": true, "aws:sourcevpc": true, "aws:sourcevpcarn": true, "aws:sourcevpce": true, "aws:tagkeys": true,
	"aws:tokenissuetime": true, "aws:useragent": true, "aws:userid": true, "aws:username": true, "aws:vpceaccount": true,
	"aws:vpceorgid": true, "aws:vpceorgpaths": true, "aws:vpcsourceip": true, "aws:chatbotsourcearn": true,
	"aws:ec2instancesourcevpc": true, "aws:ec2instancesourceprivateipv4": true, "aws:assumedroot": true,
	"ec2:sourceinstancearn": true, "ec2:roledelivery": true,
}

// Lookup returns the values of a key.
func (k keys) Lookup(key iam.Key) iam.Values {
	if v, ok := k.known[key]; ok {
		return v
	}
	service, name, _ := strings.Cut(key.Name, ":")
	switch {
	case key.Name == "aws:requesttag":
		return tagged(k.request, key.Arg)
	case name == "resourcetag" && (service == "aws" || service == k.service):
		if k.resourceUntold {
			return iam.Unavailable()
		}
		return tagged(k.resource, key.Arg)
	case (key.Name == "aws:resourceorgid" || key.Name == "aws:resourceorgpaths") && k.resourceUntold:
		return iam.Unavailable()
	case key.Name == "aws:resourceorgid":
		return iam.Many(k.resourceOrg)
	case key.Name == "aws:resourceorgpaths":
		return iam.Many(k.resourcePaths)
	case absent[key.Name], service != "aws" && service != k.service:
		return iam.Values{}
	}
	return iam.Unavailable()
}

// tagged returns the value of a tag. Keys in conditions are case-insensitive, so two that differ only in case make it
// unavailable.
func tagged(tags tag.Set, key string) iam.Values {
	var v iam.Values
	for name, value := range tags {
		if strings.EqualFold(name, key) {
			if v.Len() > 0 {
				return iam.Unavailable()
			}
			v = iam.One(value)
		}
	}
	return v
}

// organizationPath returns where in its organization an account is: "o-…/r-…/ou-…/".
func organizationPath(s *state.Snapshot, account string) []string {
	a, ok := state.Accounts.Get(s, account)
	if !ok || a.Organization == "" {
		return nil
	}
	o, ok := state.Organizations.Get(s, a.Organization)
	if !ok {
		return nil
	}
	return []string{o.ID + "/" + strings.Join(state.Ancestors(s, o, a.Parent), "/") + "/"}
}

// tagsOf returns the tags of a resource, none for one that is yet to be made. told is false where they are not looked up.
func tagsOf(s *state.Snapshot, a arn.ARN, name string) (tags tag.Set, told bool) {
	if strings.HasSuffix(a.Resource, "*") {
		return nil, true
	}
	id := a.Last()
	switch a.Service {
	case "ec2":
		return ec2Tags(s, a.Type(), id)
	case "vpc-lattice":
		return latticeTags(s, id)
	case "elasticloadbalancing":
		return balancerTags(s, name)
	case "lambda":
		parts := strings.SplitN(a.Resource, ":", 3)
		if parts[0] != "function" || len(parts) < 2 {
			return nil, parts[0] == "layer"
		}
		a.Resource = parts[0] + ":" + parts[1]
		if f, ok := state.Functions.Get(s, a.String()); ok {
			return f.Tags, true
		}
		return nil, true
	case "ram":
		if r, ok := state.Shares.Get(s, name); ok {
			return r.Tags, true
		}
		if p, ok := state.Permissions.Get(s, name); ok {
			return p.Tags, true
		}
		return nil, a.Type() != "permission"
	case "iam":
		return iamTags(s, a, id)
	case "organizations":
		return organizationTags(s, a, id)
	}
	return nil, false
}

func iamTags(s *state.Snapshot, a arn.ARN, id string) (tag.Set, bool) {
	key := a.Account + "/" + id
	switch a.Type() {
	case "role":
		if r, ok := state.Roles.Get(s, key); ok {
			return r.Tags, true
		}
	case "user":
		if u, ok := state.Users.Get(s, key); ok {
			return u.Tags, true
		}
	case "instance-profile":
		if p, ok := state.InstanceProfiles.Get(s, key); ok {
			return p.Tags, true
		}
	case "policy":
		if p, ok := state.ManagedPolicies.Get(s, a.String()); ok {
			return p.Tags, true
		}
	}
	return nil, true
}

func organizationTags(s *state.Snapshot, a arn.ARN, id string) (tag.Set, bool) {
	parts := strings.Split(a.Resource, "/")
	if len(parts) < 3 {
		return nil, true
	}
	organization := parts[1]
	switch parts[0] {
	case "account":
		if m, ok := state.Accounts.Get(s, id); ok && m.Organization == organization {
			return m.Tags, true
		}
	case "ou":
		if u, ok := state.Units.Get(s, organization+"/"+id); ok {
			return u.Tags, true
		}
	case "root":
		if o, ok := state.Organizations.Get(s, organization); ok {
			return o.RootTags, true
		}
	case "policy":
		if p, ok := state.OrganizationPolicies.Get(s, organization+"/"+id); ok {
			return p.Tags, true
		}
	}
	return nil, true
}

func ec2Tags(s *state.Snapshot, kind, id string) (tag.Set, bool) {
	switch kind {
	case "vpc":
		if r, ok := state.VPCs.Get(s, id); ok {
			return r.Tags, true
		}
	case "subnet":
		if r, ok := state.Subnets.Get(s, id); ok {
			return r.Tags, true
		}
	case "route-table":
		if r, ok := state.RouteTables.Get(s, id); ok {
			return r.Tags, true
		}
	case "internet-gateway":
		if r, ok := state.InternetGateways.Get(s, id); ok {
			return r.Tags, true
		}
	case "security-group":
		if r, ok := state.SecurityGroups.Get(s, id); ok {
			return r.Tags, true
		}
	case "network-interface":
		if r, ok := state.Interfaces.Get(s, id); ok {
			return r.Tags, true
		}
	case "vpc-endpoint":
		if r, ok := state.Endpoints.Get(s, id); ok {
			return r.Tags, true
		}
	case "network-acl":
		if r, ok := state.NetworkACLs.Get(s, id); ok {
			return r.Tags, true
		}
	default:
		return nil, false
	}
	return nil, true
}

func latticeTags(s *state.Snapshot, id string) (tag.Set, bool) {
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "svc":
		if r, ok := state.Services.Get(s, id); ok {
			return r.Tags, true
		}
	case "sn":
		if r, ok := state.Networks.Get(s, id); ok {
			return r.Tags, true
		}
	case "tg":
		if r, ok := state.TargetGroups.Get(s, id); ok {
			return r.Tags, true
		}
	case "listener":
		if r, ok := state.Listeners.Get(s, id); ok {
			return r.Tags, true
		}
	case "rule":
		if r, ok := state.Rules.Get(s, id); ok {
			return r.Tags, true
		}
	case "snsa":
		if r, ok := state.NetworkServices.Get(s, id); ok {
			return r.Tags, true
		}
	case "snva":
		if r, ok := state.NetworkVPCs.Get(s, id); ok {
			return r.Tags, true
		}
	case "snra":
		if r, ok := state.NetworkResources.Get(s, id); ok {
			return r.Tags, true
		}
	case "dv":
		if r, ok := state.DomainVerifications.Get(s, id); ok {
			return r.Tags, true
		}
	case "rgw":
		if r, ok := state.ResourceGateways.Get(s, id); ok {
			return r.Tags, true
		}
	case "rcfg":
		if r, ok := state.ResourceConfigurations.Get(s, id); ok {
			return r.Tags, true
		}
	case "als":
		if r, ok := state.LogSubscriptions.Get(s, id); ok {
			return r.Tags, true
		}
	default:
		return nil, false
	}
	return nil, true
}

func balancerTags(s *state.Snapshot, name string) (tag.Set, bool) {
	if r, ok := state.LoadBalancers.Get(s, name); ok {
		return r.Tags, true
	}
	if r, ok := state.BalancerListeners.Get(s, name); ok {
		return r.Tags, true
	}
	if r, ok := state.BalancerRules.Get(s, name); ok {
		return r.Tags, true
	}
	if r, ok := state.BalancerTargetGroups.Get(s, name); ok {
		return r.Tags, true
	}
	return nil, true
}

var _ iam.Context = keys{}
