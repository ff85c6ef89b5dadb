package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

type input struct{ Marker *string }

type output struct {
	First, Second []string
	NextMarker    *string
}

func TestAllPagesOfAllLists(t *testing.T) {
	call := func(_ context.Context, in *input, _ ...func(*struct{})) (*output, error) {
		switch awssdk.ToString(in.Marker) {
		case "":
			return &output{First: []string{"a"}, Second: []string{"b"}, NextMarker: awssdk.String("2")}, nil
		case "2":
			return &output{First: []string{"c"}, NextMarker: awssdk.String("")}, nil
		}
		return nil, errors.New("no such page")
	}
	got, err := list(call, input{})(t.Context())
	if diff := cmp.Diff([]any{"a", "b", "c"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestWhatHasEndedIsNotListed(t *testing.T) {
	ask := func(context.Context) ([]any, error) {
		return []any{
			types.VpcPeeringConnection{VpcPeeringConnectionId: awssdk.String("live"), Status: &types.VpcPeeringConnectionStateReason{Code: "active"}},
			types.VpcPeeringConnection{VpcPeeringConnectionId: awssdk.String("dead"), Status: &types.VpcPeeringConnectionStateReason{Code: "deleted"}},
			ramtypes.ResourceShare{Name: awssdk.String("dead"), Status: ramtypes.ResourceShareStatusDeleted},
			ramtypes.ResourceShareAssociation{Status: ramtypes.ResourceShareAssociationStatusDisassociated},
			types.Subnet{SubnetId: awssdk.String("plain")},
		}, nil
	}
	got, err := listed(t.Context(), ask)
	if err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	got, err := listed(t.Context(), func(context.Context) ([]any, error) {
		return nil, &smithy.GenericAPIError{Code: "NotImplemented"}
	})
	if diff := cmp.Diff([]string{"error NotImplemented"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := listed(t.Context(), func(context.Context) ([]any, error) { return nil, errors.New("no connection") }); err == nil {
		t.Error("a failed connection is no error")
	}
}

func TestDifferences(t *testing.T) {
	got := Differences(
		Inventory{"a": {"1", "2"}, "b": {}},
		Inventory{"a": {"1"}, "b": {"3"}})
	if diff := cmp.Diff([]string{"a had before 2", "b has now 3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The documents say of how many calls the answers are compared, for the three accounts of the zone.
func TestDocumentsSayHowManyCalls(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/tools.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d List and Describe calls of the three accounts", 3*len(questions(awssdk.Config{}))); !strings.Contains(string(text), want) {
		t.Errorf("docs/tools.md does not say %q", want)
	}
}
