package zone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Row is one request, or one request before and after a change.
type Row struct {
	From       string `json:"from"`
	Request    string `json:"request"`
	Expected   string `json:"expected"`
	Got        string `json:"got"`
	Why        string `json:"why"`
	AsExpected bool   `json:"as_expected"`
}

const denied = "403"

func directory(endpoint string) string { return `200 {"endpoint":"` + endpoint + `"}` }

// ask makes a row's request.
type ask func(ctx context.Context) (seen, error)

// why explains what was seen.
type why func(ctx context.Context, s seen) string

// fill makes the request and notes what came of it; only an interruption is an error.
func (r *Row) fill(ctx context.Context, request ask, explain why) error {
	s, err := request(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.Got = "error: " + err.Error()
		return nil
	}
	r.Got, r.Why, r.AsExpected = s.text, explain(ctx, s), s.text == r.Expected
	return nil
}

// settling asks again for a while as long as the answer is not the one expected: a change of a security group tells no
// status, and takes effect a moment after the API has answered.
func settling(expected string, request ask) ask {
	return func(ctx context.Context) (seen, error) {
		for deadline := time.Now().Add(2 * time.Second); ; {
			s, err := request(ctx)
			if err != nil || s.text == expected || time.Now().After(deadline) {
				return s, err
			}
			select {
			case <-ctx.Done():
				return s, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// from explains requests of a client in a subnet: the answered by what decided them, the others by what is in their way.
func (z Zone) from(subnet, to string, groups ...string) why {
	return func(ctx context.Context, s seen) string {
		if s.requestID != "" {
			return z.Server.Why(ctx, s.requestID)
		}
		args := []string{"--subnet", subnet, "--to", to}
		for _, group := range groups {
			args = append(args, "--security-group", group)
		}
		return z.Server.Why(ctx, args...)
	}
}

// scene is everything the rows are about.
type scene struct {
	Zone
	// name is the shared service's.
	name                string
	shared, blue, green account
	rows                []Row
}

// Table makes the requests. Each function's are made in turn, since they edit it; the others all at once.
func (z Zone) Table(ctx context.Context) ([]Row, error) {
	s := &scene{Zone: z, rows: make([]Row, 17)}
	for name, a := range map[string]*account{"shared-services": &s.shared, "blue": &s.blue, "green": &s.green} {
		var err error
		if *a, err = z.account(ctx, name); err != nil {
			return nil, err
		}
	}
	var err error
	if s.name, err = s.shared.service(ctx, "shared-service"); err != nil {
		return nil, err
	}
	var lanes sync.WaitGroup
	errs := make([]error, 3)
	for i, lane := range []func(context.Context) error{s.blueRows, s.greenRows, s.networkRows} {
		lanes.Go(func() { errs[i] = lane(ctx) })
	}
	lanes.Wait()
	return s.rows, errors.Join(errs...)
}

// caller is a client function and where it runs.
type caller struct {
	account
	function, variable string
	subnet             string
	// ownGroup is the function's security group, entry that of its VPC's network association.
	ownGroup string
	entry    ec2types.SecurityGroup
}

func (s *scene) caller(ctx context.Context, a account, colour string) (caller, error) {
	c := caller{account: a, function: colour + "Function", variable: strings.ToUpper(colour) + "_ENDPOINT"}
	f, err := a.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &c.function})
	if err != nil {
		return c, err
	}
	if f.VpcConfig == nil || len(f.VpcConfig.SubnetIds) == 0 || len(f.VpcConfig.SecurityGroupIds) == 0 {
		return c, fmt.Errorf("%s is in no VPC", c.function)
	}
	c.subnet, c.ownGroup = f.VpcConfig.SubnetIds[0], f.VpcConfig.SecurityGroupIds[0]
	c.entry, err = a.group(ctx, colour+"SecurityGroup-*")
	return c, err
}

// function fills a row with what a client function sees of the shared service under a query.
func (s *scene) function(ctx context.Context, r *Row, c caller, query string) error {
	before, err := c.endpoint(ctx, c.function, c.variable, "http://"+s.name+"/"+query)
	if err != nil {
		return err
	}
	err = r.fill(ctx, func(ctx context.Context) (seen, error) { return c.invoke(ctx, c.function) },
		s.from(c.subnet, s.name+":80", c.ownGroup))
	_, restore := c.endpoint(ctx, c.function, c.variable, before)
	return errors.Join(err, restore)
}

func (s *scene) blueRows(ctx context.Context) error {
	c, err := s.caller(ctx, s.blue, "Blue")
	if err != nil {
		return err
	}
	rows := s.rows
	rows[0] = Row{From: "BlueFunction", Request: "?q=blue", Expected: directory("blue")}
	rows[1] = Row{From: "BlueFunction, edited", Request: "?q=green", Expected: denied}
	rows[4] = Row{From: "Blue's app subnet", Request: "POST ?q=blue", Expected: denied}
	rows[5] = Row{From: "BlueFunction, edited", Request: "no query", Expected: denied}
	rows[6] = Row{From: "BlueFunction, edited", Request: "?q=blue&q=green", Expected: denied}
	rows[12] = Row{From: "BlueFunction", Request: "?q=blue, BlueSecurityGroup revoked, restored",
		Expected: timeout + ", then " + directory("blue")}
	for _, edit := range []struct {
		row   int
		query string
	}{{0, "?q=blue"}, {1, "?q=green"}, {5, ""}, {6, "?q=blue&q=green"}} {
		if err := s.function(ctx, &rows[edit.row], c, edit.query); err != nil {
			return err
		}
	}
	post := func(ctx context.Context) (seen, error) {
		return s.probe(ctx, c.subnet, "POST", "http://"+s.name+"/?q=blue")
	}
	if err := rows[4].fill(ctx, post, s.from(c.subnet, s.name+":80")); err != nil {
		return err
	}
	return s.revoked(ctx, &rows[12], c)
}

// revoked takes the rules away from the group of Blue's own network association, and gives them back.
func (s *scene) revoked(ctx context.Context, r *Row, c caller) error {
	request := func(ctx context.Context) (seen, error) { return c.invoke(ctx, c.function) }
	explain := s.from(c.subnet, s.name+":80", c.ownGroup)
	if _, err := c.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: c.entry.GroupId, IpPermissions: c.entry.IpPermissions,
	}); err != nil {
		return err
	}
	without := Row{From: r.From, Request: r.Request, Expected: timeout}
	failed := without.fill(ctx, settling(without.Expected, request), explain)
	if _, err := c.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: c.entry.GroupId, IpPermissions: c.entry.IpPermissions,
	}); err != nil || failed != nil {
		return errors.Join(failed, err)
	}
	with := Row{From: r.From, Request: r.Request, Expected: directory("blue")}
	if err := with.fill(ctx, settling(with.Expected, request), explain); err != nil {
		return err
	}
	r.Got = without.Got + ", then " + with.Got
	r.Why = without.Why + "; then " + with.Why
	r.AsExpected = without.AsExpected && with.AsExpected
	return nil
}

func (s *scene) greenRows(ctx context.Context) error {
	c, err := s.caller(ctx, s.green, "Green")
	if err != nil {
		return err
	}
	s.rows[2] = Row{From: "GreenFunction", Request: "?q=green", Expected: directory("green")}
	s.rows[3] = Row{From: "GreenFunction, edited", Request: "?q=blue", Expected: denied}
	if err := s.function(ctx, &s.rows[2], c, "?q=green"); err != nil {
		return err
	}
	return s.function(ctx, &s.rows[3], c, "?q=blue")
}

// networkRows are the requests that no function makes.
func (s *scene) networkRows(ctx context.Context) (err error) {
	places := map[string]string{}
	for _, p := range []struct {
		account account
		name    string
	}{
		{s.shared, "GreenPeerSubnet"}, {s.shared, "BluePeerSubnet"}, {s.shared, "SharedServiceSubnetApp"},
		{s.shared, "SharedServiceSubnetPub"}, {s.blue, "BlueSandboxSubnetApp"},
	} {
		if places[p.name], err = p.account.subnet(ctx, p.name+"-*"); err != nil {
			return err
		}
	}
	function, err := s.green.address(ctx, "AWS Lambda VPC ENI-GreenFunction*")
	if err != nil {
		return err
	}
	balancer, err := s.shared.address(ctx, "ELB app/DirectoryServiceLb*")
	if err != nil {
		return err
	}
	public, stop, err := s.listenOpen(ctx, places["SharedServiceSubnetPub"], "MainLambdaAlbSecurityGroup-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	isolated, stopIsolated, err := s.listenOpen(ctx, places["BluePeerSubnet"], "BlueSecurityGroup-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopIsolated()) }()

	const byName, through = "the name, ?q=blue", "the load balancer, ?q=blue"
	requests := []struct {
		row              int
		from, place      string
		request          string
		to, path, expect string
	}{
		{7, "GreenNetworkVpc", "GreenPeerSubnet", byName, s.name + ":80", "/?q=blue", denied},
		{8, "BlueNetworkVpc", "BluePeerSubnet", byName, s.name + ":80", "/?q=blue", denied},
		{9, "SharedServicesMainVpc", "SharedServiceSubnetApp", byName, s.name + ":80", "/?q=blue", timeout},
		{10, "Blue's app subnet", "BlueSandboxSubnetApp", "GreenFunction's address", function + ":80", "/", timeout},
		{11, "Blue's app subnet", "BlueSandboxSubnetApp", through, balancer + ":80", "/?q=blue", timeout},
		{13, "SharedServicesMainVpc", "SharedServiceSubnetApp", through, balancer + ":80", "/?q=blue", directory("blue")},
		{14, "GreenNetworkVpc", "GreenPeerSubnet", through + ", by peering", balancer + ":80", "/?q=blue", directory("blue")},
		{15, "GreenNetworkVpc", "GreenPeerSubnet", "a public subnet of the main VPC", public, "/", timeout},
		{16, "GreenNetworkVpc", "GreenPeerSubnet", "BlueNetworkVpc", isolated, "/", timeout},
	}
	errs := make([]error, len(requests))
	var running sync.WaitGroup
	for i, q := range requests {
		running.Go(func() {
			s.rows[q.row] = Row{From: q.from, Request: q.request, Expected: q.expect}
			url := "http://" + strings.TrimSuffix(q.to, ":80") + q.path
			errs[i] = s.rows[q.row].fill(ctx,
				func(ctx context.Context) (seen, error) { return s.probe(ctx, places[q.place], "GET", url) },
				s.from(places[q.place], q.to))
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// listenOpen runs a server in a subnet of the shared account, behind a group that lets everything in: only the way
// there and back is in question.
func (s *scene) listenOpen(ctx context.Context, subnet, group string) (string, func() error, error) {
	open, err := s.shared.group(ctx, group)
	if err != nil {
		return "", nil, err
	}
	return s.listen(ctx, subnet, aws.ToString(open.GroupId))
}
