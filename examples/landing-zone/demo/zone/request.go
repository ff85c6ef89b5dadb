package zone

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// seen is what the process that made a request saw of it.
type seen struct {
	text      string
	requestID string
}

// account is one account's clients.
type account struct {
	name    string
	ec2     *ec2.Client
	lambda  *lambda.Client
	lattice *vpclattice.Client
}

func (z Zone) account(ctx context.Context, name string) (account, error) {
	config, err := z.Config(ctx, name)
	return account{name: name, ec2: ec2.NewFromConfig(config), lambda: lambda.NewFromConfig(config), lattice: vpclattice.NewFromConfig(config)}, err
}

func named(name string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String("tag:Name"), Values: []string{name}}}
}

// subnet is the id of the first subnet whose Name matches.
func (a account) subnet(ctx context.Context, name string) (string, error) {
	out, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: named(name)})
	if err != nil {
		return "", err
	}
	if len(out.Subnets) == 0 {
		return "", fmt.Errorf("%s has no subnet named %s", a.name, name)
	}
	return aws.ToString(out.Subnets[0].SubnetId), nil
}

// group is the security group whose Name matches.
func (a account) group(ctx context.Context, name string) (ec2types.SecurityGroup, error) {
	out, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: named(name)})
	if err != nil {
		return ec2types.SecurityGroup{}, err
	}
	if len(out.SecurityGroups) != 1 {
		return ec2types.SecurityGroup{}, fmt.Errorf("%s has %d security groups named %s", a.name, len(out.SecurityGroups), name)
	}
	return out.SecurityGroups[0], nil
}

// address is that of the first interface whose description matches.
func (a account) address(ctx context.Context, description string) (string, error) {
	out, err := a.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("description"), Values: []string{description}}},
	})
	if err != nil {
		return "", err
	}
	if len(out.NetworkInterfaces) == 0 {
		return "", fmt.Errorf("%s has no interface described as %s", a.name, description)
	}
	return aws.ToString(out.NetworkInterfaces[0].PrivateIpAddress), nil
}

// service is the DNS name of the Lattice service that is so called.
func (a account) service(ctx context.Context, name string) (string, error) {
	pages := vpclattice.NewListServicesPaginator(a.lattice, &vpclattice.ListServicesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, s := range page.Items {
			if aws.ToString(s.Name) == name && s.DnsEntry != nil {
				return aws.ToString(s.DnsEntry.DomainName), nil
			}
		}
	}
	return "", fmt.Errorf("%s has no service named %s", a.name, name)
}

// endpoint sets what a client function asks and answers what it asked before.
func (a account) endpoint(ctx context.Context, function, variable, endpoint string) (before string, err error) {
	current, err := a.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return "", err
	}
	if current.Environment == nil || current.Environment.Variables[variable] == "" {
		return "", fmt.Errorf("%s has no %s", function, variable)
	}
	before = current.Environment.Variables[variable]
	if before == endpoint {
		return before, nil
	}
	if _, err := a.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &function,
		Environment:  &types.Environment{Variables: map[string]string{variable: endpoint}},
	}); err != nil {
		return "", err
	}
	waiter := lambda.NewFunctionUpdatedV2Waiter(a.lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	return before, waiter.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &function}, time.Minute)
}

// invoke runs a client function and reads its log for what it saw.
func (a account) invoke(ctx context.Context, function string) (seen, error) {
	out, err := a.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, LogType: types.LogTypeTail})
	if err != nil {
		return seen{}, err
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return seen{}, fmt.Errorf("log of %s: %w", function, err)
	}
	return read(log, out.FunctionError != nil, out.Payload)
}

// read understands a client function's log and, where it failed, its error.
func read(log []byte, failed bool, payload []byte) (seen, error) {
	var s seen
	var status, body string
	for lines := strings.Split(string(log), "\n"); len(lines) > 0; lines = lines[1:] {
		if rest, ok := strings.CutPrefix(lines[0], "HTTP "); ok {
			status, _, _ = strings.Cut(rest, " ")
		}
		if rest, ok := strings.CutPrefix(lines[0], "x-amzn-requestid: "); ok {
			s.requestID = strings.TrimSpace(rest)
			if len(lines) > 1 {
				body = lines[1]
			}
		}
	}
	if !failed {
		if status == "" {
			return s, fmt.Errorf("the function logged no answer: %s", log)
		}
		s.text = status + " " + body
		return s, nil
	}
	var failure struct{ ErrorMessage string }
	if err := json.Unmarshal(payload, &failure); err != nil {
		return s, fmt.Errorf("error of the function %q: %w", payload, err)
	}
	code, refused := strings.CutPrefix(failure.ErrorMessage, "HTTP Error ")
	switch {
	case refused:
		s.text, _, _ = strings.Cut(code, ":")
	case strings.Contains(failure.ErrorMessage, "timed out"):
		s.text = timeout
	default:
		s.text = failure.ErrorMessage
	}
	return s, nil
}

const timeout = "timeout"

// probe makes a request from inside a subnet.
func (z Zone) probe(ctx context.Context, subnet, method, url string) (seen, error) {
	out, err := z.Server.Run(ctx, "exec", "--subnet", subnet, "--", z.Probe, "-method", method, url)
	if err != nil {
		return seen{}, err
	}
	var r struct {
		Outcome, Body, Error string
		Status               int
		RequestID            string `json:"request_id"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return seen{}, fmt.Errorf("probe printed %q: %w", out, err)
	}
	s := seen{requestID: r.RequestID}
	switch {
	case r.Outcome == timeout:
		s.text = timeout
	case r.Outcome != "answered":
		s.text = r.Outcome + ": " + r.Error
	case r.Status >= 200 && r.Status <= 299:
		s.text = fmt.Sprintf("%d %s", r.Status, strings.TrimSpace(r.Body))
	default:
		s.text = fmt.Sprint(r.Status)
	}
	return s, nil
}

// listen runs a server inside a subnet, answers its address, and ends it with stop.
func (z Zone) listen(ctx context.Context, subnet, group string) (address string, stop func() error, err error) {
	command := z.Server.Command(ctx, "exec", "--subnet", subnet, "--security-group", group, "--", z.Probe, "serve", "-listen", ":8080")
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		return errors.Join(command.Cancel(), command.Wait())
	}
	first, err := bufio.NewReader(out).ReadBytes('\n')
	var listening struct{ Addresses []string }
	if err == nil {
		err = json.Unmarshal(first, &listening)
	}
	if err == nil && len(listening.Addresses) == 0 {
		err = errors.New("it has no address")
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("a server in %s: %w", subnet, err), stop(), errors.New(said.String()))
	}
	return listening.Addresses[0] + ":8080", stop, nil
}
