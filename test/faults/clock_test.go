package faults

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
)

// clock is a running server's own: what the server takes for the time of day is the machine's and so much more. What has passed
// is not changed by it, as it is not when a machine's clock is set.
type clock struct {
	memory *os.File
	offset int64 // the address of how much
}

// The vDSO's clock_gettime gives way to a system call whose answer for the time of day is added to. The 8 bytes behind it say how
// many seconds.
var setClock = []byte{
	0xb8, 0xe4, 0, 0, 0, // mov eax, clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 0x0a, // jne over the next two
	0x48, 0x8b, 0x15, 0x06, 0, 0, 0, // mov rdx, [rip+6]
	0x48, 0x01, 0x16, // add [rsi], rdx
	0xc3, // ret
	0, 0,
}

// clock takes hold of the server's.
func (s *server) clock(t *testing.T) *clock {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the vDSO's code is replaced by amd64's")
	}
	pid := s.cmd.Process.Pid
	begin, end := vdso(t, pid)
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	image := make([]byte, end-begin)
	if _, err := memory.ReadAt(image, begin); err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, symbol := range symbols {
		if symbol.Name != "__vdso_clock_gettime" {
			continue
		}
		if symbol.Size < uint64(len(setClock))+8 || symbol.Value%8 != 0 {
			t.Skipf("the vDSO's clock_gettime has %d bytes", symbol.Size)
		}
		at := begin + int64(symbol.Value)
		s.still(t, at, at+int64(symbol.Size), func() {
			if _, err := memory.WriteAt(append(bytes.Clone(setClock), make([]byte, 8)...), at); err != nil {
				t.Skip("another process's code may not be written here:", err)
			}
		})
		return &clock{memory, at + int64(len(setClock))}
	}
	t.Skip("the vDSO has no clock_gettime")
	return nil
}

func (c *clock) set(t *testing.T, by time.Duration) {
	t.Helper()
	if _, err := c.memory.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(by/time.Second)), c.offset); err != nil {
		t.Fatal(err)
	}
}

// vdso finds where a process has it.
func vdso(t *testing.T, pid int) (begin, end int64) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
				t.Fatal(err)
			}
			return begin, end
		}
	}
	t.Skip("there is no vDSO")
	return 0, 0
}

// still stops the server while none of its threads is between two addresses, does something and lets it go on.
func (s *server) still(t *testing.T, begin, end int64, do func()) {
	t.Helper()
	pid := s.cmd.Process.Pid
	defer func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "a moment without the function at work", func() bool {
		if err := errors.Join(syscall.Kill(pid, syscall.SIGCONT), syscall.Kill(pid, syscall.SIGSTOP)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		for _, task := range tasks {
			text, failed := os.ReadFile(task)
			fields := strings.Fields(string(text))
			if failed != nil || len(fields) < 2 {
				return false // it runs
			}
			at, failed := strconv.ParseInt(fields[len(fields)-1], 0, 64)
			if failed != nil || at >= begin && at < end {
				return false
			}
		}
		return err == nil && len(tasks) > 0
	})
	do()
}

// code is the code of an API's error, or what else the error says.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

const day = 24 * time.Hour

// Whatever a server's clock is set to while it runs, and set back: what is under way ends as it would have, what is there stays,
// what has a time to live has it by the clock, and what is new comes to be.
func TestPrivilegedClockJumps(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	function := z.function(t, "f")
	brief := z.function(t, "brief")
	must(t, z.lambda.UpdateFunctionConfiguration, &lambda.UpdateFunctionConfigurationInput{FunctionName: &brief, Timeout: aws.Int32(2)})
	z.updated(t, brief)
	must(t, z.logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("access")})
	must(t, z.lattice.CreateAccessLogSubscription, &vpclattice.CreateAccessLogSubscriptionInput{ResourceIdentifier: &z.service,
		DestinationArn: aws.String("arn:aws:logs:us-east-1:" + z.account + ":log-group:access")})

	strict := z.config(t, z.profile, 1)
	c := z.config(t, z.profile, 3)
	z.lattice, z.logs, z.lambda, z.iam = vpclattice.NewFromConfig(c), cloudwatchlogs.NewFromConfig(c), lambda.NewFromConfig(c), iam.NewFromConfig(c)
	shares, requests := ram.NewFromConfig(c), cloudcontrol.NewFromConfig(c)
	keys := must(t, sts.NewFromConfig(c).GetSessionToken, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)}).Credentials
	c.Credentials = credentials.NewStaticCredentialsProvider(*keys.AccessKeyId, *keys.SecretAccessKey, *keys.SessionToken)
	session := sts.NewFromConfig(c)
	once := &vpclattice.CreateServiceNetworkInput{Name: aws.String("once"), ClientToken: aws.String("a-token-of-the-client")}
	made := must(t, z.lattice.CreateServiceNetwork, once)
	share := must(t, shares.CreateResourceShare, &ram.CreateResourceShareInput{Name: aws.String("share"), ResourceArns: []string{*made.Arn}, Principals: []string{s.stranger(t)},
		AllowExternalPrincipals: aws.Bool(true)}).ResourceShare.ResourceShareArn
	request := must(t, requests.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::VpcLattice::ServiceNetwork"), DesiredState: aws.String(`{"Name":"by-control"}`)}).
		ProgressEvent.RequestToken
	eventually(t, "the request's end", func() bool {
		return must(t, requests.GetResourceRequestStatus, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: request}).ProgressEvent.OperationStatus == "SUCCESS"
	})

	p := z.start(t, "ask")
	if got := p.get(t, z.url("/")); got != fine {
		t.Fatal(got)
	}
	clock := s.clock(t)
	for i, by := range []time.Duration{time.Hour, -time.Hour, day, -365 * day, 365 * day, 0} {
		t.Run(by.String(), func(t *testing.T) {
			// What is under way while the clock is set.
			before := s.metric(t, "trellis_proxy_connections")
			slow := z.start(t, "ask")
			if _, err := fmt.Fprintln(slow.in, z.url("/?wait=1s")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the request", func() bool { return s.metric(t, "trellis_proxy_connections") > before })
			ended, word := make(chan string, 1), fmt.Sprintf(`"slow-%d"`, i)
			go func() {
				out, err := z.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &brief, Payload: []byte(word)})
				if err != nil {
					ended <- err.Error()
					return
				}
				ended <- string(out.Payload)
			}()
			eventually(t, "the call", func() bool {
				out, err := z.logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/brief"), FilterPattern: &word})
				return err == nil && len(out.Events) > 0
			})
			clock.set(t, by)
			if got := slow.line(t); got != fine {
				t.Errorf("the request under way: %s", got)
			}
			if got := <-ended; !strings.Contains(got, "Task timed out after 2.00 seconds") {
				t.Errorf("the call under way: %s", got)
			}

			// What is new.
			if got := p.get(t, z.url("/")); got != fine {
				t.Errorf("a request: %s", got)
			}
			if got := must(t, z.lambda.Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"fast"`)}); got.FunctionError != nil || !strings.Contains(string(got.Payload), "well") {
				t.Errorf("a call: %s %s", aws.ToString(got.FunctionError), got.Payload)
			}
			service := must(t, z.lattice.CreateService, &vpclattice.CreateServiceInput{Name: aws.String(fmt.Sprint("new-", i))}).Id
			eventually(t, "a new service", func() bool {
				return must(t, z.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: service}).Status == latticetypes.ServiceStatusActive
			})
			must(t, z.lattice.DeleteService, &vpclattice.DeleteServiceInput{ServiceIdentifier: service})
			eventually(t, "its end", func() bool {
				_, err := z.lattice.GetService(t.Context(), &vpclattice.GetServiceInput{ServiceIdentifier: service})
				return err != nil && code(err) == "ResourceNotFoundException"
			})
			eventually(t, "an access record of the time", func() bool {
				now := time.Now().Add(by)
				got := must(t, z.logs.FilterLogEvents, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("access"), StartTime: aws.Int64(now.Add(-time.Minute).UnixMilli()),
					EndTime: aws.Int64(now.Add(time.Minute).UnixMilli())}).Events
				return len(got) > 0 && strings.Contains(*got[0].Message, now.UTC().Format("2006-01-02"))
			})

			// What a time says.
			early, late := by < 0, by > 0
			want := map[bool]string{true: "AuthFailure", false: "RequestExpired"}[early]
			if _, err := ec2.NewFromConfig(strict).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); by != 0 && code(err) != want || by == 0 && err != nil {
				t.Errorf("a signature of another time: %v, want %s", err, want)
			}
			_, err := session.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if late && code(err) != "ExpiredToken" || !late && err != nil {
				t.Errorf("a session of 15 minutes: %v", err)
			}
			again, err := z.lattice.CreateServiceNetwork(t.Context(), once)
			if by >= day && code(err) != "ConflictException" || by < day && (err != nil || *again.Id != *made.Id) {
				t.Errorf("a client token again: %v, %v", again, err)
			}
			found := must(t, shares.GetResourceShareAssociations, &ram.GetResourceShareAssociationsInput{AssociationType: "PRINCIPAL", ResourceShareArns: []string{*share}}).ResourceShareAssociations
			if len(found) != 1 || found[0].Status != map[bool]ramtypes.ResourceShareAssociationStatus{true: "FAILED", false: "ASSOCIATING"}[by > 7*day] {
				t.Errorf("an invitation: %v", found)
			}
			_, err = requests.GetResourceRequestStatus(t.Context(), &cloudcontrol.GetResourceRequestStatusInput{RequestToken: request})
			if by > 7*day && code(err) != "RequestTokenNotFoundException" || by < 7*day && err != nil {
				t.Errorf("a request of Cloud Control: %v", err)
			}
		})
	}
	s.alive(t)

	// A server that ran a year ahead of its time, and starts again in its own.
	clock.set(t, 365*day)
	later := must(t, z.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("later"), ClientToken: aws.String("a-token-of-later")})
	s.kill(t)
	s.run(t)
	z.clients(t, z.profile)
	if got := must(t, z.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("later"), ClientToken: aws.String("a-token-of-later")}); *got.Id != *later.Id {
		t.Errorf("a client token of later: %s, want %s", *got.Id, *later.Id)
	}
	if got := must(t, z.lambda.Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"fast"`)}); got.FunctionError != nil {
		t.Errorf("a function of later: %s", got.Payload)
	}
	must(t, z.lattice.DeleteServiceNetwork, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: later.Id})
	eventually(t, "the end of what was made later", func() bool {
		_, err := z.lattice.GetServiceNetwork(t.Context(), &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: later.Id})
		return err != nil && code(err) == "ResourceNotFoundException"
	})
	s.alive(t)
}

// stranger makes another account.
func (s *server) stranger(t *testing.T) string {
	t.Helper()
	out, err := s.command(t.Context(), "accounts", "create", "stranger", "--json").Output()
	var made struct{ Account string }
	if err := errors.Join(err, json.Unmarshal(out, &made)); err != nil {
		t.Fatal(err)
	}
	return made.Account
}
