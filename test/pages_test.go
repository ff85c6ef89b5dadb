package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	cctypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

// helper is a paginator or a waiter of the SDK.
type helper struct {
	name      string // as in DescribeVpcsPaginator
	api       string // the SDK's package
	operation string
	// read, of a paginator, reads all pages of a size: the items by the members that list them, and how many pages there are. A paginator
	// without a size has no pages.
	read func(ctx context.Context, client any, in map[string]any, size int64) (map[string][]string, int, error)
	// wait, of a waiter, waits.
	wait func(ctx context.Context, client any, in map[string]any) error
}

func newHelper(made, client reflect.Type) helper {
	return helper{name: made.Elem().Name(), api: path.Base(made.Elem().PkgPath()), operation: strings.TrimSuffix(client.Name(), "APIClient")}
}

// paginator is one of the SDK's.
func paginator[C, In, PO, Out, O any, P pager[*Out, O]](make func(C, *In, ...func(*PO)) P) helper {
	h := newHelper(reflect.TypeFor[P](), reflect.TypeFor[C]())
	h.read = func(ctx context.Context, client any, given map[string]any, size int64) (map[string][]string, int, error) {
		in, err := input[In](given)
		if err != nil {
			return nil, 0, err
		}
		sized := false
		p := make(client.(C), in, func(o *PO) {
			if limit := reflect.ValueOf(o).Elem().FieldByName("Limit"); limit.IsValid() {
				sized = true
				limit.SetInt(size)
			}
			// The end of a log is a token that is the one before.
			reflect.ValueOf(o).Elem().FieldByName("StopOnDuplicateToken").SetBool(h.operation == "GetLogEvents")
		})
		items, n := map[string][]string{}, 0
		for ; sized && p.HasMorePages(); n++ {
			out, err := p.NextPage(ctx)
			if err != nil {
				return nil, n, err
			}
			if n > 2000 {
				return nil, n, errors.New("it does not end")
			}
			page := reflect.ValueOf(out).Elem()
			for i := range page.NumField() {
				if list := page.Field(i); list.Kind() == reflect.Slice {
					for j := range list.Len() {
						name := page.Type().Field(i).Name
						items[name] = append(items[name], shown(list.Index(j).Interface()))
					}
					if size > 0 && int64(list.Len()) > size {
						return nil, n, fmt.Errorf("a page of %d has %d %s", size, list.Len(), page.Type().Field(i).Name)
					}
				}
			}
		}
		for _, list := range items {
			slices.Sort(list)
		}
		return items, n, nil
	}
	return h
}

// waits is a waiter of the SDK.
type waits[In, WO any] interface {
	Wait(context.Context, *In, time.Duration, ...func(*WO)) error
}

// waiter is one of the SDK's.
func waiter[C, In, WO any, W waits[In, WO]](make func(C, ...func(*WO)) W) helper {
	h := newHelper(reflect.TypeFor[W](), reflect.TypeFor[C]())
	h.wait = func(ctx context.Context, client any, given map[string]any) error {
		in, err := input[In](given)
		if err != nil {
			return err
		}
		return make(client.(C), func(o *WO) {
			for _, delay := range []string{"MinDelay", "MaxDelay"} {
				reflect.ValueOf(o).Elem().FieldByName(delay).SetInt(int64(soon))
			}
		}).Wait(ctx, in, wait)
	}
	return h
}

// input is an operation's input of the SDK.
func input[In any](given map[string]any) (*In, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	in := new(In)
	return in, json.Unmarshal(text, in)
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// client is the one of an API, by the name of the SDK's package.
func (a *account) client(api string) any {
	return map[string]any{"cloudcontrol": a.cloudcontrol, "cloudwatchlogs": a.logs, "ec2": a.ec2, "elasticloadbalancingv2": a.elb, "iam": a.iam, "lambda": a.lambda,
		"organizations": a.organizations, "ram": a.ram, "vpclattice": a.lattice}[api]
}

// service is an API's model, by its own name or that of the SDK's package.
func service(api string) *model.Service {
	name := map[string]string{"cloudwatchlogs": "logs", "elasticloadbalancingv2": "elbv2"}[api]
	if name == "" {
		name = api
	}
	for _, m := range models() {
		if m.Package == name {
			return m
		}
	}
	return nil
}

func operation(m *model.Service, name string) *model.Operation {
	for i := range m.Operations {
		if m.Operations[i].Name == name {
			return &m.Operations[i]
		}
	}
	return nil
}

// furnish gives an account and its neighbour something of estate.
func (a *account) furnish(t *testing.T, peer, invitee *account) estate.Estate {
	t.Helper()
	e, err := estate.New(a.id, peer.id, region)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(e, estate.Estate{"mark": "pages", "invitee": invitee.id, "now": fmt.Sprint(time.Now().UnixMilli())})
	steps, err := estate.Steps()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		by, m := a, service(step.API)
		if step.Peer {
			by = peer
		}
		in, err := e.Expand(step.Input)
		if err != nil {
			t.Fatalf("%s: %v", step.Operation, err)
		}
		op := operation(m, step.Operation)
		out, err := forge.Output(m, op, by.insist(t, m, op, in.(map[string]any)))
		if err == nil {
			err = e.Keep(step, out)
		}
		if err != nil {
			t.Fatalf("%s: %v", step.Operation, err)
		}
		if event, ok := out["ProgressEvent"].(map[string]any); ok {
			token := event["RequestToken"].(string)
			eventually(t, "a request", func() bool {
				status := must(t, a.cloudcontrol.GetResourceRequestStatus, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: &token}).ProgressEvent.OperationStatus
				return status == cctypes.OperationStatusSuccess || status == cctypes.OperationStatusFailed
			})
		}
	}
	return e
}

// insist makes a call until what it is about has come to be, as is waited for on AWS too.
func (a *account) insist(t *testing.T, m *model.Service, op *model.Operation, in map[string]any) forge.Answer {
	t.Helper()
	var got forge.Answer
	eventually(t, op.Name, func() bool {
		var err error
		if got, err = a.server.send(t.Context(), forge.Encode(m, op, in), a.signer(t, m)); err != nil {
			t.Fatal(err)
		}
		return !slices.Contains([]string{"ResourceConflictException", "ConflictException", "ResourceInUse"}, got.Code)
	})
	if got.Status >= 300 {
		t.Fatalf("%s %s: %d %s %s", op.Name, shown(in), got.Status, got.Code, got.Message)
	}
	return got
}

// Pages of the smallest size give everything exactly once and come to an end, and what the account has is there for every waiter,
// and what it never had is gone.
func TestPaginatorsAndWaiters(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "pages-owner")
	e := a.furnish(t, s.account(t, "pages-peer"), s.account(t, "pages-invitee"))
	script, err := estate.NewScript()
	if err != nil {
		t.Fatal(err)
	}
	given := func(h helper) map[string]any {
		m := service(h.api)
		_, in := script.Call(m, operation(m, h.operation), e)
		return in
	}
	for _, h := range helpers() {
		if h.wait == nil {
			continue
		}
		in := given(h)
		maps.Copy(in, named(e, h))
		if err := h.wait(t.Context(), a.client(h.api), in); err != nil {
			t.Errorf("%s %s: %v", h.name, shown(in), err)
		}
	}
	eventually(t, "a settled account", func() bool {
		for _, v := range must(t, a.lattice.ListServiceNetworkVpcAssociations, &vpclattice.ListServiceNetworkVpcAssociationsInput{VpcIdentifier: aws.String(e["vpc"])}).Items {
			if v.Status != "ACTIVE" {
				return false
			}
		}
		return true
	})
	tried, several := 0, 0
	for _, h := range helpers() {
		m := service(h.api)
		if h.read == nil || script.Calls[m.Package+"."+h.operation].Refused != "" {
			continue
		}
		in, size := given(h), smallest(m, operation(m, h.operation))
		for _, name := range sizes {
			delete(in, name)
		}
		whole, n, err := h.read(t.Context(), a.client(h.api), in, 0)
		if err != nil {
			t.Errorf("%s %s: %v", h.name, shown(in), err)
			continue
		}
		if n == 0 {
			continue
		}
		parts, n, err := h.read(t.Context(), a.client(h.api), in, size)
		if err != nil || !reflect.DeepEqual(parts, whole) {
			t.Errorf("%s %s: %v: in pages of %d it is\n%.1500v\nand as one\n%.1500v", h.name, shown(in), err, size, parts, whole)
		}
		tried++
		if n > 1 {
			several++
		}
	}
	t.Logf("%d paginators, %d with several pages", tried, several)
	if tried < 100 || several < 30 {
		t.Errorf("%d paginators, %d with several pages: the account has too little", tried, several)
	}
}

// sizes are the names of the member that says how much a page has.
var sizes = []string{"MaxResults", "maxResults", "MaxItems", "PageSize", "limit"}

// smallest is the smallest size a page of an operation may have.
func smallest(m *model.Service, op *model.Operation) int64 {
	size := int64(1)
	if m.Package == "ec2" {
		size = 5
	}
	for _, member := range m.Shape(op.Input).Members {
		if shape := m.Shape(member.Shape); slices.Contains(sizes, member.Name) && shape.HasMin {
			size = max(size, int64(shape.Min))
		}
	}
	return size
}

// named is what a waiter is about, where the operation need not be told.
func named(e estate.Estate, h helper) map[string]any {
	one := map[string][2]string{"DescribeVpcs": {"VpcIds", "vpc"}, "DescribeSubnets": {"SubnetIds", "subnet"}, "DescribeSecurityGroups": {"GroupIds", "group"},
		"DescribeInternetGateways": {"InternetGatewayIds", "gateway"}, "DescribeNetworkInterfaces": {"NetworkInterfaceIds", "interface"},
		"DescribeVpcPeeringConnections": {"VpcPeeringConnectionIds", "peering"}, "DescribeNatGateways": {"NatGatewayIds"},
		"DescribeLoadBalancers": {"LoadBalancerArns", "balancer"}}[h.operation]
	if one[0] == "" {
		return nil
	}
	id := e[one[1]]
	if strings.HasSuffix(h.name, "DeletedWaiter") {
		id = map[string]string{"DescribeNatGateways": "nat-0123456789abcdef0", "DescribeVpcPeeringConnections": "pcx-0123456789abcdef0",
			"DescribeLoadBalancers": "arn:aws:elasticloadbalancing:" + region + ":" + e["account"] + ":loadbalancer/app/gone/0123456789abcdef"}[h.operation]
	}
	return map[string]any{one[0]: []any{id}}
}

// The paginators and waiters above are all that the SDK has for what is built.
func TestPaginatorsAndWaitersAreAll(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), program(t), "coverage").Output()
	if err != nil {
		t.Fatal(err)
	}
	var apis []coverage
	if err := json.Unmarshal(out, &apis); err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?m)^func New(\w+(?:Paginator|Waiter))\(client (\w+)APIClient`)
	want := map[string]bool{}
	for _, sdk := range []string{"cloudcontrol", "cloudwatchlogs", "ec2", "elasticloadbalancingv2", "iam", "lambda", "organizations", "ram", "sts", "vpclattice"} {
		dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+sdk).Output()
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "api_op_*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", sdk, len(files), err)
		}
		at := slices.IndexFunc(apis, func(c coverage) bool { return c.Service == service(sdk).Name })
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range made.FindAllStringSubmatch(string(text), -1) {
				if slices.Contains(apis[at].Built, m[2]) && pointless()[strings.TrimSuffix(m[1], "Waiter")] == "" {
					want[sdk+".New"+m[1]] = true
				}
			}
		}
	}
	for _, h := range helpers() {
		if name := h.api + ".New" + h.name; !want[name] {
			t.Errorf("%s is there twice, or not built", name)
		} else {
			delete(want, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		t.Errorf("helpers does not have %s", name)
	}
}
