package access_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"trellis/internal/access"
	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/share"
	"trellis/internal/state"
	"trellis/internal/vault"
	"trellis/internal/vpc"
)

// TestSharedNetworkHasItsOwnersName holds that a deny of another account's network is not evaded by its bare id, and that an id
// of what is not shared tells nothing.
func TestSharedNetworkHasItsOwnersName(t *testing.T) {
	w := newWorld(t)
	theirs := vpc.Owner{Account: blue, Region: "us-east-1"}
	shared, hidden := &lattice.Network{}, &lattice.Network{}
	shared.Owner, shared.ID = theirs, "sn-0123456789abcdefg"
	hidden.Owner, hidden.ID = theirs, "sn-hidden6789abcdefg"
	w.update(func(tx *state.Tx) {
		state.Networks.Put(tx, shared)
		state.Networks.Put(tx, hidden)
		state.Shares.Put(tx, &share.Share{Owner: theirs, ID: "1", Status: share.Active, Resources: []share.Association{{Entity: shared.ARN(), Status: share.Associated}},
			Principals: []share.Association{{Entity: red, Status: share.Associated}}})
	})
	ctx := w.user(red, "ann", everything, strings.Replace(allow("vpc-lattice:*", "arn:aws:vpc-lattice:us-east-1:222222222222:*"), "Allow", "Deny", 1))
	for id, want := range map[string]bool{shared.ID: false, shared.ARN(): false, hidden.ID: true, hidden.ARN(): false, "sn-none": true} {
		err := w.Authorize(ctx, "vpc-lattice:GetServiceNetwork", &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: &id})
		if (err == nil) != want {
			t.Errorf("GetServiceNetwork of %s: %v, want allowed %v", id, err, want)
		}
	}
}

func TestIndirectNames(t *testing.T) {
	w := newWorld(t)
	mine := vpc.Owner{Account: red, Region: "us-east-1"}
	w.update(func(tx *state.Tx) {
		state.RouteTables.Put(tx, &vpc.RouteTable{Owner: mine, ID: "rtb-1", Associations: []vpc.TableAssociation{{ID: "rtbassoc-1", Subnet: "subnet-1"}}})
		state.Interfaces.Put(tx, &vpc.NetworkInterface{Owner: mine, ID: "eni-1", AttachmentID: "eni-attach-1"})
	})
	for _, c := range []struct {
		action, resource string
		in               any
	}{
		{"ec2:DisassociateRouteTable", "arn:aws:ec2:us-east-1:111111111111:route-table/rtb-1", &ec2.DisassociateRouteTableInput{AssociationId: new("rtbassoc-1")}},
		{"ec2:DetachNetworkInterface", "arn:aws:ec2:us-east-1:111111111111:network-interface/eni-1", &ec2.DetachNetworkInterfaceInput{AttachmentId: new("eni-attach-1")}},
	} {
		if err := w.Authorize(w.user(red, "u", allow(c.action, c.resource)), c.action, c.in); err != nil {
			t.Errorf("%s: %v", c.action, err)
		}
	}
	wantKind(t, "an association that is not there", w.Authorize(w.user(red, "u", allow("ec2:*", "arn:aws:ec2:*:*:*")), "ec2:DisassociateRouteTable",
		&ec2.DisassociateRouteTableInput{AssociationId: new("rtbassoc-2")}), fault.Denied)
}

// FuzzFunctionName holds that whatever a caller names as a function, a permission for one function does not reach another.
func FuzzFunctionName(f *testing.F) {
	for _, s := range []string{"f", "f:1", "arn:aws:lambda:us-east-1:111111111111:function:f", "111111111111:function:f:live", "a:b:c", ":", "function:f", "arn:aws:lambda:::function:", "*"} {
		f.Add(s, "")
		f.Add(s, "1")
	}
	w := newWorldOf(f)
	ctx := w.user(red, "ann", allow("lambda:*", "arn:aws:lambda:us-east-1:111111111111:function:only"))
	f.Fuzz(func(t *testing.T, name, qualifier string) {
		in := &lambda.GetFunctionInput{FunctionName: &name}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		if w.Authorize(ctx, "lambda:GetFunction", in) != nil {
			return
		}
		if last := name[strings.LastIndexByte(name, ':')+1:]; last != "only" || qualifier != "" {
			t.Errorf("%q with qualifier %q is allowed", name, qualifier)
		}
		if arn.Is(name) && name != "arn:aws:lambda:us-east-1:111111111111:function:only" {
			t.Errorf("%q is allowed", name)
		}
	})
}

// FuzzToken holds that no token but one that was issued opens a session, and that only with its own key.
func FuzzToken(f *testing.F) {
	w := newWorldOf(f)
	v, err := vault.New(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	control := access.New(w.view, v)
	role := w.role(red, "r", trust(`{"Service":"lambda.amazonaws.com"}`))
	c, err := control.AssumeAsService(role.ARN(), "lambda.amazonaws.com", "s")
	if err != nil {
		f.Fatal(err)
	}
	issued, err := base64.StdEncoding.DecodeString(c.Token)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.AccessKey, c.Token)
	f.Add(c.AccessKey, base64.StdEncoding.EncodeToString([]byte(`{"k":"`+c.AccessKey+`","a":"111111111111","e":"2999-01-01T00:00:00Z"}`)))
	f.Add(c.AccessKey, c.Token[:len(c.Token)-4])
	f.Add("", c.Token)
	f.Fuzz(func(t *testing.T, key, token string) {
		if _, _, err := control.Lookup(t.Context(), key, token); err != nil {
			return
		}
		if opened, err := base64.StdEncoding.DecodeString(token); err != nil || key != c.AccessKey || !bytes.Equal(opened, issued) {
			t.Errorf("key %q with token %q opens a session", key, token)
		}
	})
}
