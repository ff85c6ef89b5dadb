package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

var (
	reads  = regexp.MustCompile(`^(Get|List|Describe)`)
	writes = regexp.MustCompile(`^(Create|Put|Update|Modify|Publish|Set|Add|Associate|Attach|Register|Tag|Replace|Authorize|Enable|Start|Batch|Invite|Move|Accept|Allocate|Import|Upload)`)
)

// unread are the members that no read gives back, by the operation and their path, and why.
var unread = []struct{ path, why string }{
	{`.*\.([cC]lientToken|ClientRequestToken|CreatorRequestId|sequenceToken|RevisionId)`, "it is about the call"},
	{`cloudcontrol\..*\.(DesiredState|PatchDocument)`, "the properties are a text: the tests of Cloud Control read them"},
	{`lambda\.Add(Layer\w*)?Permission\.(StatementId|Action|Principal|VersionNumber|EventSourceToken|InvokedViaFunctionUrl)`, "the policy has them under other names"},
	{`lambda\.PublishVersion\.Description`, "nothing has changed since the version before, which is the answer"},
	{`lambda\..*\.S3ObjectStorageMode`, "it is about objects of S3, of which there are none"},
	{`lambda\..*\.Publish`, "it makes a version"},
	{`iam\.CreateServiceLinkedRole\.(AWSServiceName|CustomSuffix)`, "they are in the role's name"},
	{`iam\.CreatePolicyVersion\.SetAsDefault`, "it is IsDefaultVersion where it is read"},
	{`logs\.PutLogEvents\.entity\..*`, "no operation shows whose events they are"},
	{`ec2\.(Create|Replace)NetworkAclEntry\.(IcmpTypeCode|PortRange)\..*`, "an entry for all protocols has all ports"},
	{`elbv2\.ModifyRule\.ResetTransforms`, "there are none"},
	{`iam\.Update(Group|User)\.(GroupName|UserName)`, "it has another name now"},
	{`ec2\.ModifyVpcEndpoint\.Remove\w+\.\d`, "it is not there any more"},
	{`organizations\.CreateAccount\.(RoleName|IamUserAccessToBilling)`, "no operation shows them"},
	{`ec2\.Replace\w+Association\.AssociationId`, "the association is another one now"},
	{`ec2\.ReplaceRoute\.LocalTarget`, "it stands for the target"},
	{`ram\.AssociateResourceSharePermission\.replace`, "it says what is to become of another"},
}

// refusedInputs has what is refused of the inputs that are tried, with the code: what is not built, and what does not go together. It is
// written anew by: go test ./cmd/trellis -run WhatIsWritten -update
const refusedInputs = "testdata/refused.txt"

var update = flag.Bool("update", false, "write anew what inputs are refused")

// What a call wrote, a read gives back: every operation that writes is called with each of the members that it can do without,
// and with each of theirs, and whatever it then took is looked for in what the account reads.
func TestWhatIsWrittenIsRead(t *testing.T) {
	w := newWorld(t)
	w.open(t, "111111111111")
	w.open(t, "222222222222")
	e := w.populate(t, "111111111111", "222222222222", "owner", true)
	reviewed := map[string][]string{}
	text, err := os.ReadFile(refusedInputs)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		api, _, _ := strings.Cut(line, ".")
		reviewed[api] = append(reviewed[api], strings.TrimSpace(line))
	}
	if *update {
		t.Cleanup(func() {
			var all []string
			for _, name := range slices.Sorted(maps.Keys(reviewed)) {
				all = append(all, reviewed[name]...)
			}
			if err := os.WriteFile(refusedInputs, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
				t.Error(err)
			}
		})
	}
	var reviewing sync.Mutex
	for _, name := range slices.Sorted(maps.Keys(w.apis)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.apis[name]
			r := &reader{w: w, script: newScript(t), has: e}
			for _, op := range slices.Sorted(maps.Keys(a.operations)) {
				if writes.MatchString(op) {
					r.operation(t, a, a.operations[op])
				}
			}
			t.Logf("%d writes, %d members read back, %d refused", r.written, r.found, len(r.refused))
			slices.Sort(r.refused)
			if *update {
				reviewing.Lock()
				defer reviewing.Unlock()
				reviewed[name] = r.refused
				return
			}
			for _, v := range r.refused {
				if !slices.Contains(reviewed[name], v) {
					t.Errorf("%s, and %s does not have that", v, refusedInputs)
				}
			}
			for _, v := range reviewed[name] {
				if !slices.Contains(r.refused, v) {
					t.Errorf("%s has %s, which is not so any more", refusedInputs, v)
				}
			}
			if name != "sts" && (r.written < 3 || r.found < r.written) {
				t.Errorf("%d writes, %d members read back: nothing is compared", r.written, r.found)
			}
		})
	}
}

type reader struct {
	w              *world
	script         *estate.Script
	has            estate.Estate
	written, found int
	// refused are the variations that are, with their codes.
	refused []string
}

func (r *reader) operation(t *testing.T, a *api, op *model.Operation) {
	if r.script.Calls[a.Package+"."+op.Name].Refused != "" {
		return
	}
	by, in := r.script.Call(a.Service, op, r.has)
	accepted := 0
	for _, v := range r.variations(a, op, in) {
		why := ""
		for i, in := range v.in {
			scratch := r.w.fork(t)
			got := scratch.call(by, a.Package, op.Name, in)
			if i == 0 {
				why = got.Code
			}
			if got.Status < 300 {
				why = ""
				accepted++
				r.written++
				scratch.settle(t)
				out, err := forge.Output(a.Service, op, got)
				if err != nil {
					t.Fatal(err)
				}
				r.look(t, scratch, a, op, by, in, out)
			}
			scratch.close()
			if got.Status < 300 {
				break
			}
		}
		if why != "" {
			r.refused = append(r.refused, v.path+" "+why)
		}
	}
	if accepted == 0 {
		t.Errorf("%s takes nothing", op.Name)
	}
}

// variation is the member that an input has besides what an operation needs. It stands in all that calls of the operation have, or else
// where an operation takes one of several, in what it requires.
type variation struct {
	path string
	in   []map[string]any
}

// variations are what an operation needs, and that with each member that it can do without, at the top and one level below.
func (r *reader) variations(a *api, op *model.Operation, in map[string]any) []variation {
	of := a.Package + "." + op.Name
	all := []variation{{of, []map[string]any{in}}}
	shape := forge.Input(a.Service, op)
	required := map[string]any{}
	for _, m := range shape.Members {
		if v, ok := in[m.Name]; ok && m.Required {
			required[m.Name] = v
		}
	}
	for _, m := range shape.Members {
		path := of + "." + m.Name
		_, there := in[m.Name]
		if m.Name == "DryRun" {
			continue
		}
		whole := &forge.Maker{Service: a.Service, Known: r.known, Text: "written", Wants: func(at string, _ *model.Member) bool { return at == path }}
		if !there {
			all = append(all, variation{path, []map[string]any{whole.Input(op, in), whole.Input(op, required)}})
		}
		part := a.Shape(m.Shape)
		if part.Kind == model.List {
			part = a.Shape(part.Elem)
		}
		if part.Kind != model.Structure {
			continue
		}
		for _, x := range part.Members {
			below := path + "." + x.Name
			k := &forge.Maker{Service: a.Service, Text: "written", Wants: func(at string, _ *model.Member) bool { return at == path || at == below },
				Known: func(at string) (any, bool) {
					if at == path {
						return nil, false
					}
					return r.known(at)
				}}
			v, ok := first(k.Input(op, without(required, m.Name))[m.Name])[x.Name]
			made := forge.Clone(whole.Input(op, in))
			into := first(made[m.Name])
			if _, has := into[x.Name]; has || !ok || into == nil {
				continue
			}
			if part.Union {
				clear(into)
			}
			into[x.Name] = v
			alone := forge.Clone(required)
			alone[m.Name] = made[m.Name]
			all = append(all, variation{below, []map[string]any{made, alone}})
		}
	}
	return all
}

func without(in map[string]any, name string) map[string]any {
	out := maps.Clone(in)
	delete(out, name)
	return out
}

// known is what a member takes, so that an operation takes it.
func (r *reader) known(path string) (any, bool) {
	for _, m := range taken {
		if regexp.MustCompile("^(?:" + m.path + ")$").MatchString(path) {
			v, err := r.has.Expand(m.value)
			return v, err == nil
		}
	}
	return r.script.Known(r.has)(path)
}

// taken are values of members that operations can do without.
var taken = []struct {
	path  string
	value any
}{
	{`vpclattice\..*\.securityGroupIds`, []any{"${group}"}},
	{`vpclattice\..*\.customDomainName`, "written.example.com"},
	{`vpclattice\.UpdateTargetGroup\.healthCheck\.healthCheckIntervalSeconds`, 17},
	{`vpclattice\.UpdateTargetGroup\.healthCheck\.healthCheckTimeoutSeconds`, 3},
	{`vpclattice\.UpdateTargetGroup\.healthCheck\.(un)?healthyThresholdCount`, 4},
	{`vpclattice\..*\.matcher`, map[string]any{"httpCode": "201"}},
	{`vpclattice\..*\.dnsResource`, map[string]any{"domainName": "written.example.com", "ipAddressType": "IPV4"}},
	{`vpclattice\..*\.ipResource`, map[string]any{"ipAddress": "10.0.0.78"}},
	{`vpclattice\..*\.fixedResponse`, map[string]any{"statusCode": 500}},
	{`vpclattice\..*\.httpMatch`, map[string]any{"method": "PUT"}},
	{`elbv2\..*\.HealthCheckPath`, "/written"},
	{`elbv2\..*\.HealthCheckPort`, "8081"},
	{`elbv2\..*\.HealthCheckIntervalSeconds`, 17},
	{`elbv2\..*\.HttpCode`, "201"},
	{`iam\..*Path`, "/written/"},
	{`lambda\..*\.Layers`, []any{"${layer.version}"}},
	{`lambda\..*\.VpcConfig`, map[string]any{"SubnetIds": []any{"${subnet}"}, "SecurityGroupIds": []any{"${group}"}}},
	{`lambda\..*\.MaximumEventAgeInSeconds`, 21600},
	{`ec2\..*\.AvailabilityZone`, "us-east-1b"},
	{`ec2\..*\.AvailabilityZoneId`, "use1-az2"},
	{`ec2\..*\.PeerOwnerId`, "${account}"},
	{`ec2\..*\.PeerRegion`, "us-east-1"},
	{`ec2\..*\.InterfaceType`, "interface"},
	{`ec2\.ModifyVpcEndpoint\.(Add|Remove)SecurityGroupIds`, []any{"${group}"}},
	{`ec2\.ModifyVpcEndpoint\.RemoveSubnetIds`, []any{"${subnet}"}},
	{`ec2\.CreateNetworkInterface\.(PrivateIpAddresses\.)?PrivateIpAddress`, "10.0.0.99"},
	{`lambda\..*\.AdditionalVersionWeights`, map[string]any{"2": 0.25}},
	{`ram\..*\.principals`, []any{"${peer}"}},
	{`ram\.CreateResourceShare\.permissionArns`, []any{"arn:aws:ram::aws:permission/AWSRAMPermissionVpcLatticeServiceNetworkReadWrite"}},
	{`organizations\.UpdatePolicy\.Content`, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}`},
}

// first is a structure, or the first of a list of them.
func first(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	part, _ := v.(map[string]any)
	return part
}

// look compares what was written with all that the account reads of the API.
func (r *reader) look(t *testing.T, w *world, a *api, op *model.Operation, by string, in, out map[string]any) {
	t.Helper()
	given := map[string]any{}
	for _, leaf := range slices.Concat(forge.Leaves(in), forge.Leaves(out)) {
		name := strings.ToLower(leaf.Name())
		if _, ok := given[name]; !ok {
			given[name] = leaf.Value
		}
	}
	// What was made is what is asked for.
	noun := writes.ReplaceAllString(op.Name, "")
	for _, leaf := range forge.Leaves(out) {
		switch name := strings.ToLower(leaf.Name()); name {
		case "arn", strings.ToLower(noun) + "arn":
			for _, other := range []string{"resourcearn", "resource", strings.ToLower(noun) + "arn"} {
				given[other] = leaf.Value
			}
		case "accountid":
			given["resourceid"] = leaf.Value
		case "id":
			if _, account := given["accountid"]; !account {
				given["resourceid"] = leaf.Value
			}
		}
	}
	var seen []forge.Leaf
	for _, name := range slices.Sorted(maps.Keys(a.operations)) {
		if !reads.MatchString(name) {
			continue
		}
		read := a.operations[name]
		_, ask := r.script.Call(a.Service, read, r.has)
		asks := []map[string]any{ask}
		changed := forge.Clone(ask)
		for _, m := range forge.Input(a.Service, read).Members {
			v, ok := given[strings.ToLower(m.Name)]
			if id, made := given["id"]; made && name == "Get"+noun && strings.ToLower(m.Name) == strings.ToLower(noun)+"identifier" {
				v, ok = id, true
			}
			if _, there := ask[m.Name]; !there {
				continue
			}
			if many, found := given[strings.TrimSuffix(strings.ToLower(m.Name), "s")]; found && a.Shape(m.Shape).Kind == model.List {
				changed[m.Name] = []any{many}
			} else if ok && a.Shape(m.Shape).Kind < model.List {
				changed[m.Name] = v
			}
		}
		if shown(changed) != shown(ask) {
			asks = append(asks, changed)
		}
		// What tells one attribute at a time is asked for each.
		for _, m := range forge.Input(a.Service, read).Members {
			if m.Name != "Attribute" {
				continue
			}
			for _, v := range a.Shape(m.Shape).Enum {
				asks = append(asks, forge.Put(changed, m.Name, v))
			}
		}
		for _, ask := range asks {
			if got := w.call(by, a.Package, name, ask); got.Status < 300 {
				out, err := forge.Output(a.Service, read, got)
				if err != nil {
					t.Fatal(err)
				}
				for _, leaf := range forge.Leaves(out) {
					seen = append(seen, leaf)
					if path, ok := strings.CutPrefix(fmt.Sprint(leaf.Value), "http://localhost/"); ok && leaf.Name() == "Location" {
						seen = append(seen, forge.Leaf{Path: "ZipFile", Value: w.download(t, "/"+path)})
					}
					// Policies and properties are documents in a text.
					var document any
					if text, ok := leaf.Value.(string); ok && strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &document) == nil {
						seen = append(seen, forge.Leaves(document)...)
					}
				}
			}
		}
	}
	for _, leaf := range forge.Leaves(in) {
		path := a.Package + "." + op.Name + "." + leaf.Path
		if leaf.Value == "" || slices.ContainsFunc(unread, func(u struct{ path, why string }) bool {
			return regexp.MustCompile("^(?:" + u.path + ")$").MatchString(path)
		}) {
			continue
		}
		if !slices.ContainsFunc(seen, func(s forge.Leaf) bool { return same(path, leaf, s) }) {
			t.Errorf("%s was given as %s and is not read back: %s", path, shown(leaf.Value), shown(in))
		} else {
			r.found++
		}
	}
}

// download returns what is at an address on this server, in Base64.
func (w *world) download(t testing.TB, path string) string {
	t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	if rec.Code != http.StatusOK {
		t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return base64.StdEncoding.EncodeToString(rec.Body.Bytes())
}

// renamed are members that reads give under names that are not like theirs.
var renamed = []struct{ written, read string }{
	{`ram\..*\.(principals|resourceArns)`, "associatedEntity"},
	{`ram\..*\.policyTemplate`, "permission"},
	{`iam\.CreateAccountAlias\.AccountAlias`, "AccountAliases"},
	{`elbv2\.AddTags\.ResourceArns`, "LoadBalancerArn"},
	{`logs\.TagResource\.resourceArn`, "logGroupArn"},
	{`ec2\.ModifySubnetAttribute\.PrivateDnsHostnameTypeOnLaunch`, "HostnameType"},
	{`.*\.Layers`, "Arn"},
	{`ec2\.ModifySubnetAttribute\.EnableResourceNameDnsARecordOnLaunch\.Value`, "EnableResourceNameDnsARecord"},
	{`ec2\.ModifySubnetAttribute\.EnableResourceNameDnsAAAARecordOnLaunch\.Value`, "EnableResourceNameDnsAAAARecord"},
	{`organizations\.InviteAccountToOrganization\.Notes`, "Value"},
}

// same says if a read has what was written: the value, under a name that is one part of the other, but for what makes a name an identifier
// and for a plural.
func same(path string, written, read forge.Leaf) bool {
	if plain(written.Value) != plain(read.Value) {
		return false
	}
	path = strings.TrimRight(path, ".0123456789")
	for _, r := range renamed {
		if read.Name() == r.read && regexp.MustCompile("^(?:"+r.written+")$").MatchString(path) {
			return true
		}
	}
	w, identifier := noun(called(written))
	r, named := noun(called(read))
	return identifier && (r == "" || w == "" && named) || r != "" && w != "" && (strings.HasSuffix(w, r) || strings.HasSuffix(r, w))
}

// called is a leaf's name, or what an attribute's value is of.
func called(l forge.Leaf) string {
	if of, ok := strings.CutSuffix(l.Path, ".Value"); ok {
		if name := of[strings.LastIndexByte(of, '.')+1:]; strings.Trim(name, "0123456789") != "" {
			return name
		}
	}
	return l.Name()
}

// noun is a member's name without what makes it an identifier's.
func noun(name string) (noun string, identifier bool) {
	noun = strings.TrimSuffix(strings.ToLower(name), "s")
	for _, suffix := range []string{"identifier", "arn", "id", "name"} {
		if before, ok := strings.CutSuffix(noun, suffix); ok {
			return before, true
		}
	}
	return noun, false
}

func plain(v any) string {
	text := fmt.Sprint(v)
	if strings.HasPrefix(text, "%7B") {
		if plain, err := url.QueryUnescape(text); err == nil {
			text = plain
		}
	}
	if strings.HasPrefix(text, "{") {
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err == nil {
			return shown(doc)
		}
	}
	return text
}
