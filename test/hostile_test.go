package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// try is something that a function attempts; testdata/function says what there is.
type try struct {
	Do, Text           string
	N                  int
	API, Method, Body  string
	Key, Secret, Token string
}

// form is a call of an API of the query protocol.
func form(api, version, action, rest string) try {
	return try{Do: "call", API: api, Body: "Action=" + action + "&Version=" + version + rest}
}

var whoAmI = form("sts", "2011-06-15", "GetCallerIdentity", "")

func (t try) with(key, secret, token string) try {
	t.Key, t.Secret, t.Token = key, secret, token
	return t
}

// tries lets a function make attempts and answers what came of each.
func (a *account) tries(t *testing.T, function string, all ...try) []string {
	t.Helper()
	event, err := json.Marshal(map[string]any{"do": "try", "tries": all})
	if err != nil {
		t.Fatal(err)
	}
	got := a.invoke(t, function, string(event))
	var out []string
	if err := json.Unmarshal(got.Payload, &out); err != nil || got.FunctionError != nil || len(out) != len(all) {
		t.Fatalf("the function says %s %s: %v", aws.ToString(got.FunctionError), got.Payload, err)
	}
	return out
}

// A function that tries to leave - by somebody else's keys, to files, networks, processes that are not its own, by taking more than
// it may have - gets nowhere, and nobody else notices.
func TestFunctionsCannotLeave(t *testing.T) {
	t.Run("of root's server", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("these tests are not run by root")
		}
		t.Parallel()
		cannotLeave(t, own(t, directory(t, "leave"), nil))
	})
	t.Run("of an ordinary user's server", func(t *testing.T) {
		t.Parallel()
		credential := &syscall.Credential{Uid: 65534, Gid: 65534}
		if os.Getuid() != 0 {
			credential = nil
		}
		s := own(t, directory(t, "leave"), credential)
		if said := s.trellis(t, "status", "--json"); strings.Contains(said, `"data_plane": false`) {
			t.Skipf("this kernel gives an ordinary user no data plane: %s", said)
		}
		cannotLeave(t, s)
	})
}

func cannotLeave(t *testing.T, s *server) {
	victim := s.account(t, "victim")
	theirs := victim.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := theirs.lattice(t, "theirs", onlySigned)
	theirs.associate(t, l.network)
	root, err := victim.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	function := theirs.function(t, "theirs")
	session := strings.Fields(victim.tries(t, "theirs", try{Do: "keys"})[0])

	mine := s.account(t, "hostile").network(t, "10.0.0.0/16", "10.0.1.0/24")
	mine.function(t, "mine")
	mine.function(t, "other")
	for _, role := range []string{"mine", "other"} {
		must(t, mine.iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("all"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)})
	}
	own := strings.Fields(mine.tries(t, "mine", try{Do: "keys"})[0])
	if len(own) != 3 || len(session) != 3 {
		t.Fatalf("functions have the keys %q and %q", own, session)
	}
	others := mine.tries(t, "other", try{Do: "write", Text: "/tmp/left-here", Body: "mine"}, try{Do: "keys"})

	// check holds what came of attempts against what begins or is part of it.
	type want struct {
		name string
		try  try
		says string
	}
	check := func(t *testing.T, wants ...want) {
		t.Helper()
		var all []try
		for _, w := range wants {
			all = append(all, w.try)
		}
		for i, got := range mine.tries(t, "mine", all...) {
			if w := wants[i]; !strings.Contains(got, w.says) {
				t.Errorf("%s: %.300q, want %q", w.name, got, w.says)
			}
		}
	}
	t.Run("somebody else's keys", func(t *testing.T) {
		const signature, invalid = "SignatureDoesNotMatch", "InvalidClientTokenId"
		forged := []byte(session[2])
		forged[len(forged)/2] ^= 1
		check(t,
			want{"its own keys", whoAmI, ":assumed-role/mine/mine</Arn>"},
			want{"whole keys that leaked", whoAmI.with(root.AccessKeyID, root.SecretAccessKey, ""), "<Account>" + victim.id},
			want{"another's key with a guessed secret", whoAmI.with(root.AccessKeyID, strings.Repeat("x", 40), ""), signature},
			want{"another's key with its own secret", whoAmI.with(root.AccessKeyID, own[1], ""), signature},
			want{"another's key with its own session", whoAmI.with(root.AccessKeyID, own[1], own[2]), invalid},
			want{"its own key without its token", whoAmI.with(own[0], own[1], ""), invalid},
			want{"its own key with another's token", whoAmI.with(own[0], own[1], session[2]), invalid},
			want{"another's session with its own secret", whoAmI.with(session[0], own[1], session[2]), signature},
			want{"another's session without its token", whoAmI.with(session[0], session[1], ""), invalid},
			want{"a token that was tampered with", whoAmI.with(session[0], session[1], string(forged)), invalid},
			want{"a key that is none", whoAmI.with("AKIAIOSFODNN7EXAMPLE", own[1], ""), invalid},
			want{"another account by its number", whoAmI.with(victim.id, "test", ""), invalid},
		)
	})
	t.Run("another account's resources", func(t *testing.T) {
		role := "arn:aws:iam::" + victim.id + ":role/theirs"
		const ec2 = "2016-11-15"
		check(t,
			want{"its own VPC", form("ec2", ec2, "DescribeVpcs", "&VpcId.1="+mine.vpc), "200 "},
			want{"their VPC", form("ec2", ec2, "DescribeVpcs", "&VpcId.1="+theirs.vpc), "InvalidVpcID.NotFound"},
			want{"their subnet, to be deleted", form("ec2", ec2, "DeleteSubnet", "&SubnetId="+theirs.subnet), "InvalidSubnetID.NotFound"},
			want{"their service", try{Do: "call", API: "vpc-lattice", Method: "GET", Text: "/services/" + l.id}, "404 "},
			want{"their service's policy", try{Do: "call", API: "vpc-lattice", Method: "PUT", Text: "/authpolicy/" + l.id, Body: fmt.Sprintf(`{"policy":%q}`, invoke[:len(invoke)-2]+`,"Principal":"*"}}`)}, "404 "},
			want{"their function", try{Do: "call", API: "lambda", Method: "POST", Text: "/2015-03-31/functions/" + function + "/invocations", Body: "{}"}, "403 AccessDenied"},
			want{"their role", form("sts", "2011-06-15", "AssumeRole", "&RoleSessionName=session&RoleArn="+role), "AccessDenied"},
			want{"itself", try{Do: "call", API: "lambda", Method: "GET", Text: "/2015-03-31/functions/other"}, "200 "},
		)
	})
	t.Run("files", func(t *testing.T) {
		wants := []want{
			{"its own code", try{Do: "find", Text: "/var/task", Body: "bootstrap"}, "/var/task/bootstrap"},
		}
		for _, path := range []string{"/etc/shadow", s.data + "/key", s.data + "/aws-config", s.log, "/proc/1/root" + s.data + "/key", "/proc/self/cwd/../../.." + s.data + "/key", "/proc/kcore", "/dev/mem", "/dev/kmsg"} {
			wants = append(wants, want{path, try{Do: "read", Text: path}, "!open " + path})
		}
		for _, path := range []string{"/var/task/bootstrap", "/etc/passwd", "/usr/bin/left", s.data + "/left", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"} {
			wants = append(wants, want{path, try{Do: "write", Text: path, Body: "x"}, "!open " + path})
		}
		check(t, wants...)
		names := []string{"aws-config", "left-here", filepath.Base(s.log)}
		var searches []try
		for _, name := range names {
			searches = append(searches, try{Do: "find", Text: "/", Body: name})
		}
		for i, got := range mine.tries(t, "mine", searches...) {
			if got != "" {
				t.Errorf("a search for %s finds %s", names[i], got)
			}
		}
	})
	t.Run("networks", func(t *testing.T) {
		_, port, err := net.SplitHostPort(strings.TrimPrefix(s.endpoint, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		listening := mine.group(t, "listening", 8080)
		wants := []want{{"its own VPC", try{Do: "dial", Text: mine.place(listening).serve(t, "8080") + ":8080"}, "connected"}}
		target := theirs.group(t, "open", 8080)
		for name, address := range map[string]string{
			"another account's VPC": theirs.place(target).serve(t, "8080") + ":8080", "another account's service": "169.254.171.32:80", "another VPC's resolver": "10.0.0.2:1",
			"the host's loopback": "127.0.0.1:" + port, "metadata": "169.254.169.254:80", "another's Runtime API": "127.0.0.2:9001",
			"the server's socket": s.data + "/admin.sock", "an abstract socket": "@/tmp/dbus",
		} {
			wants = append(wants, want{name, try{Do: "dial", Text: address}, "!dial "})
		}
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			if ip, err := netip.ParsePrefix(a.String()); err == nil && ip.Addr().IsGlobalUnicast() {
				wants = append(wants, want{"the host's " + ip.Addr().String(), try{Do: "dial", Text: netip.AddrPortFrom(ip.Addr(), 4566).String()}, "!dial "})
			}
		}
		check(t, wants...)
	})
	t.Run("processes", func(t *testing.T) {
		got := mine.tries(t, "mine", try{Do: "processes"}, try{Do: "signal", N: s.cmd.Process.Pid}, try{Do: "signal", N: os.Getpid()})
		if got[0] != "" || got[1] != "!no such process" || got[2] != "!no such process" {
			t.Errorf("it sees the processes %q, and signals %q and %q", got[0], got[1], got[2])
		}
		// What signals all signals its own.
		mine.tries(t, "mine", try{Do: "signal", N: -1})
		if again := mine.tries(t, "other", try{Do: "read", Text: "/tmp/left-here"}, try{Do: "keys"}); again[0] != "mine" || again[1] != others[1] {
			t.Errorf("the other function is not the one that was: %q", again[0])
		}
	})
	well := func(t *testing.T) {
		t.Helper()
		if again := mine.tries(t, "other", try{Do: "read", Text: "/tmp/left-here"}, whoAmI); again[0] != "mine" || !strings.HasPrefix(again[1], "200 ") {
			t.Errorf("the other function is not well: %q", again)
		}
		if got := victim.tries(t, "theirs", whoAmI)[0]; !strings.HasPrefix(got, "200 ") {
			t.Errorf("the other account's function is not well: %s", got)
		}
		if got := theirs.place().ask(t, ask{Method: "GET", URL: "http://" + l.name + "/"}); !got[0].is(403) {
			t.Errorf("the service is not well: %s", got[0])
		}
	}
	t.Run("fork bombs", func(t *testing.T) {
		must(t, mine.lambda.UpdateFunctionConfiguration, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("mine"), MemorySize: aws.Int32(4096), Timeout: aws.Int32(60)})
		if err := lambda.NewFunctionUpdatedV2Waiter(mine.lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("mine")}, wait); err != nil {
			t.Fatal(err)
		}
		event, err := json.Marshal(map[string]any{"do": "try", "tries": []try{{Do: "bomb", N: 3000}}})
		if err != nil {
			t.Fatal(err)
		}
		got := mine.invoke(t, "mine", string(event))
		if got.FunctionError != nil {
			t.Errorf("the bomb ended the function: %s", got.Payload)
		} else if n, err := strconv.Atoi(strings.Trim(string(got.Payload), `[]"`)); err != nil || n < 1 || n > 1024 {
			t.Errorf("%s processes were started, want no more than 1,024 less the threads", got.Payload)
		} else {
			t.Logf("%d processes were started", n)
		}
		well(t)
	})
	t.Run("memory", func(t *testing.T) {
		event := fmt.Sprintf(`{"do":"try","tries":[{"Do":"fill","N":%d}]}`, 400)
		if got := victim.invoke(t, "theirs", event); aws.ToString(got.FunctionError) != "Unhandled" || !strings.Contains(string(got.Payload), "Runtime.OutOfMemory") {
			t.Errorf("400 MiB in a function of 128: %s %s", aws.ToString(got.FunctionError), got.Payload)
		}
		well(t)
	})
}
