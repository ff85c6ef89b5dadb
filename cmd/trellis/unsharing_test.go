package main

import "testing"

// Once it is not shared any more, in whatever way, an account sees no more of a resource than of one that nobody has.
func TestUnshared(t *testing.T) {
	const owner, sharee, member = "111111111111", "666666666666", "777777777777"
	w := newWorld(t)
	for _, id := range []string{owner, "222222222222", sharee, member} {
		w.open(t, id)
	}
	e := w.populate(t, owner, "222222222222", "owner", true)
	w.must(t, owner, "ram", "EnableSharingWithAwsOrganization", map[string]any{})
	invited := w.must(t, owner, "organizations", "InviteAccountToOrganization", map[string]any{"Target": map[string]any{"Type": "ACCOUNT", "Id": member}})
	w.must(t, member, "organizations", "AcceptHandshake", map[string]any{"HandshakeId": invited["Handshake"].(map[string]any)["Id"]})
	w.must(t, owner, "organizations", "MoveAccount", map[string]any{"AccountId": member, "SourceParentId": e["root"], "DestinationParentId": e["unit"]})
	whole := w.must(t, owner, "organizations", "DescribeOrganization", map[string]any{})["Organization"].(map[string]any)["Arn"].(string)
	shared := []any{e["network.arn"], e["service.arn"], e["resource.arn"]}
	// call makes a call of the owner's, about the share where it is RAM's.
	call := func(api, operation string, in map[string]any) func(*testing.T, *world, any) {
		return func(t *testing.T, w *world, share any) {
			if api == "ram" {
				in["resourceShareArn"] = share
			}
			w.must(t, owner, api, operation, in)
		}
	}
	leave := call("organizations", "RemoveAccountFromOrganization", map[string]any{"AccountId": member})
	for name, how := range map[string]struct {
		with, who string
		end       func(*testing.T, *world, any)
	}{
		"principal taken out":        {sharee, sharee, call("ram", "DisassociateResourceShare", map[string]any{"principals": []any{sharee}})},
		"resources taken out":        {sharee, sharee, call("ram", "DisassociateResourceShare", map[string]any{"resourceArns": shared})},
		"share deleted":              {sharee, sharee, call("ram", "DeleteResourceShare", map[string]any{})},
		"left the organization":      {whole, member, leave},
		"left a unit's organization": {e["unit.arn"], member, leave},
		"left the unit":              {e["unit.arn"], member, call("organizations", "MoveAccount", map[string]any{"AccountId": member, "SourceParentId": e["unit"], "DestinationParentId": e["root"]})},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.fork(t)
			made := w.must(t, owner, "ram", "CreateResourceShare", map[string]any{"name": "once", "resourceArns": shared, "principals": []any{how.with}, "allowExternalPrincipals": true})
			share := made["resourceShare"].(map[string]any)["resourceShareArn"]
			if how.who == sharee {
				invitations := w.must(t, sharee, "ram", "GetResourceShareInvitations", map[string]any{"resourceShareArns": []any{share}})["resourceShareInvitations"].([]any)
				w.must(t, sharee, "ram", "AcceptResourceShareInvitation", map[string]any{"resourceShareInvitationArn": invitations[0].(map[string]any)["resourceShareInvitationArn"]})
			}
			look := func(seen bool) {
				for kind, place := range map[string][3]string{"network": {"GetServiceNetwork", "serviceNetworkIdentifier", "ListServiceNetworks"},
					"service": {"GetService", "serviceIdentifier", "ListServices"}, "resource": {"GetResourceConfiguration", "resourceConfigurationIdentifier", "ListResourceConfigurations"}} {
					for _, id := range []string{e[kind], e[kind+".arn"]} {
						got := w.call(how.who, "vpclattice", place[0], map[string]any{place[1]: id})
						none := w.call(how.who, "vpclattice", place[0], map[string]any{place[1]: ghost(id)})
						if seen && got.Status != 200 {
							t.Errorf("%s of what is shared: %d %s", place[0], got.Status, got.Body)
						}
						if !seen && (got.Status != none.Status || got.Code != none.Code || !alike(told(got, id, ghost(id)), told(none, ghost(id), id))) {
							t.Errorf("%s afterwards: %d %s %s, and of what is not there %d %s %s", place[0], got.Status, got.Code, got.Body, none.Status, none.Code, none.Body)
						}
					}
					list := w.must(t, how.who, "vpclattice", place[2], map[string]any{})["items"].([]any)
					if want := map[bool]int{true: 1}[seen]; len(list) != want {
						t.Errorf("%s has %d, want %d", place[2], len(list), want)
					}
				}
			}
			look(true)
			how.end(t, w, share)
			look(false)
		})
	}
}
