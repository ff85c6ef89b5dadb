package aws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trellis/internal/aws"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// rawCall is a request written by hand, signed unless told otherwise.
type rawCall struct {
	service, method, target, body string
	header                        map[string]string
	key, secret, token            string
	unsigned, chunked             bool
	at                            time.Time
	after                         func(*http.Request) // changes the signed request
}

func (c rawCall) request(t testing.TB, url string) *http.Request {
	t.Helper()
	if c.method == "" {
		c.method = "POST"
	}
	r, err := http.NewRequest(c.method, url+c.target, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.chunked {
		r.ContentLength = -1
	}
	if !c.unsigned {
		if c.key == "" {
			c.key = accessKey
		}
		if c.secret == "" {
			c.secret = secretKey
		}
		if c.at.IsZero() {
			c.at = time.Now()
		}
		sum := sha256.Sum256([]byte(c.body))
		creds := sdk.Credentials{AccessKeyID: c.key, SecretAccessKey: c.secret, SessionToken: c.token}
		if err := signer.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), c.service, "eu-west-1", c.at); err != nil {
			t.Fatal(err)
		}
	}
	if c.after != nil {
		c.after(r)
	}
	return r
}

func (c rawCall) do(t testing.TB, url string) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(c.request(t, url))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

var formHeader = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}

func target(name string) map[string]string {
	return map[string]string{"X-Amz-Target": name, "Content-Type": "application/x-amz-json-1.1"}
}

var aUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestErrors(t *testing.T) {
	url, _ := start(t, nil)
	const xmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	ec2Error := func(code, message string) string {
		return xmlHead + "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></Errors><RequestID>ID</RequestID></Response>"
	}
	queryError := func(namespace, kind, code, message string) string {
		return `<ErrorResponse xmlns="` + namespace + `"><Error><Type>` + kind + "</Type><Code>" + code + "</Code><Message>" + message + "</Message></Error><RequestId>ID</RequestId></ErrorResponse>"
	}
	const iamSpace, stsSpace = "https://iam.amazonaws.com/doc/2010-05-08/", "https://sts.amazonaws.com/doc/2011-06-15/"
	const wrong = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	old := time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		name   string
		call   rawCall
		status int
		kind   string // X-Amzn-Errortype
		body   string // %s may stand for anything
	}{
		{"ec2 not found", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-none"},
			400, "", ec2Error("InvalidVpcID.NotFound", "The vpc ID &#39;vpc-none&#39; does not exist")},
		{"ec2 missing parameter", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DeleteVpc&Version=2016-11-15"},
			400, "", ec2Error("MissingParameter", "The request must contain the parameter VpcId")},
		{"ec2 unknown parameter", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15&Vpc.1=x"},
			400, "", ec2Error("UnknownParameter", "The parameter Vpc.1 is not recognized")},
		{"ec2 wrong type", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15&MaxResults=many"},
			400, "", ec2Error("InvalidParameterValue", "Value (many) for parameter MaxResults is invalid. Expecting an Integer.")},
		{"ec2 range", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15&MaxResults=1"},
			400, "", ec2Error("InvalidParameterValue", "Value ( 1 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.")},
		{"ec2 enum", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=CreateVpc&Version=2016-11-15&InstanceTenancy=mine"},
			400, "", ec2Error("InvalidParameterValue", "Value (mine) for parameter InstanceTenancy is invalid. Allowed values: dedicated, default, host.")},
		{"ec2 list without numbers", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15&VpcId.x=1"},
			400, "", ec2Error("InvalidParameterValue", "Value () for parameter VpcId.x is invalid. Expecting a number in the parameter&#39;s name.")},
		{"ec2 not a form", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&a=%zz"},
			400, "", ec2Error("MalformedQueryString", "The request parameters are not URL-encoded UTF-8.")},
		{"ec2 twice", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DescribeVpcs&VpcId.1=a&VpcId.1=b"},
			400, "", ec2Error("InvalidParameterValue", "The parameter VpcId.1 is given twice.")},
		{"ec2 unknown action", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=MakeVpc&Version=2016-11-15"},
			400, "", ec2Error("InvalidAction", "The action MakeVpc is not valid for this web service.")},
		{"ec2 no action", rawCall{service: "ec2", target: "/", header: formHeader, body: ""},
			400, "", ec2Error("MissingAction", "The request must contain the parameter Action")},
		{"ec2 not built", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=RunInstances&Version=2016-11-15"},
			400, "", ec2Error("UnsupportedOperation", "The operation RunInstances of EC2 is not implemented by this server.")},
		{"ec2 dry run", rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DeleteVpc&Version=2016-11-15&VpcId=v&DryRun=true"},
			412, "", ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")},
		{"ec2 wrong secret", rawCall{service: "ec2", target: "/", secret: "no", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15"},
			401, "", ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials")},
		{"ec2 unknown key", rawCall{service: "ec2", target: "/", key: "AKIANOBODY", header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15"},
			401, "", ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials")},
		{"ec2 expired", rawCall{service: "ec2", target: "/", at: old, header: formHeader, body: "Action=DescribeVpcs&Version=2016-11-15"},
			400, "", ec2Error("RequestExpired", "Request has expired.")},

		{"iam not found", rawCall{service: "iam", target: "/", header: formHeader, body: "Action=GetRole&Version=2010-05-08&RoleName=none"},
			404, "", queryError(iamSpace, "Sender", "NoSuchEntity", "The role with name none cannot be found.")},
		{"iam constraint", rawCall{service: "iam", target: "/", header: formHeader, body: "Action=GetRole&Version=2010-05-08&RoleName=%3Cx%3E"},
			400, "", queryError(iamSpace, "Sender", "ValidationError", "1 validation error detected: Value '&lt;x&gt;' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+")},
		{"iam missing member", rawCall{service: "iam", target: "/", header: formHeader, body: "Action=GetRole&Version=2010-05-08"},
			400, "", queryError(iamSpace, "Sender", "ValidationError", "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null")},
		{"iam not built", rawCall{service: "iam", target: "/", header: formHeader, body: "Action=CreateSAMLProvider&Version=2010-05-08"},
			501, "", queryError(iamSpace, "Receiver", "NotImplemented", "The operation CreateSAMLProvider of IAM is not implemented by this server.")},
		{"iam wrong version", rawCall{service: "iam", target: "/", header: formHeader, body: "Action=GetRole&Version=2000-01-01"},
			400, "", queryError(iamSpace, "Sender", "InvalidAction", "Could not find operation GetRole for version 2000-01-01")},
		{"sts unsigned", rawCall{service: "sts", target: "/", unsigned: true, header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", "<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication Token</Message></Error><RequestId>ID</RequestId></ErrorResponse>"},
		{"sts wrong secret", rawCall{service: "sts", target: "/", secret: "no", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "SignatureDoesNotMatch", wrong)},
		{"sts unknown key", rawCall{service: "sts", target: "/", key: "AKIANOBODY", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "InvalidClientTokenId", "The security token included in the request is invalid.")},
		{"sts session without its token", rawCall{service: "sts", target: "/", key: "ASIASESSION", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "InvalidClientTokenId", "The security token included in the request is invalid.")},
		{"sts wrong token", rawCall{service: "sts", target: "/", key: "ASIASESSION", token: "x", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "InvalidClientTokenId", "The security token included in the request is invalid.")},
		{"sts expired token", rawCall{service: "sts", target: "/", key: "ASIASESSION", token: "old-token", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "ExpiredToken", "The security token included in the request is expired")},
		{"sts old signature", rawCall{service: "sts", target: "/", at: old, header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "", queryError(stsSpace, "Sender", "SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 15 min.)")},

		{"logs constraint", rawCall{service: "logs", target: "/", header: target("Logs_20140328.DeleteLogGroup"), body: `{"logGroupName":"a b"}`},
			400, "InvalidParameterException", `{"__type":"InvalidParameterException","message":"1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"}`},
		{"logs wrong type", rawCall{service: "logs", target: "/", header: target("Logs_20140328.DeleteLogGroup"), body: `{"logGroupName":1}`},
			400, "SerializationException", `{"__type":"SerializationException","message":"NUMBER_VALUE can not be converted to a String"}`},
		{"logs not JSON", rawCall{service: "logs", target: "/", header: target("Logs_20140328.DeleteLogGroup"), body: `{"logGroupName":`},
			400, "SerializationException", `{"__type":"SerializationException","message":"The request body is not valid JSON: unexpected end of JSON input"}`},
		{"logs unknown operation", rawCall{service: "logs", target: "/", header: target("Logs_20140328.Nothing"), body: `{}`},
			400, "UnknownOperationException", `{"__type":"UnknownOperationException","message":"CloudWatch Logs has no operation \"Nothing\"."}`},
		{"logs not built", rawCall{service: "logs", target: "/", header: target("Logs_20140328.StartQuery"), body: `{}`},
			501, "NotImplementedException", `{"__type":"NotImplementedException","message":"The operation StartQuery of CloudWatch Logs is not implemented by this server."}`},
		{"organizations", rawCall{service: "organizations", target: "/", header: target("AWSOrganizationsV20161128.DescribeOrganization"), body: `{}`},
			400, "AWSOrganizationsNotInUseException", `{"Message":"Your account is not a member of an organization.","__type":"AWSOrganizationsNotInUseException"}`},
		{"json wrong secret", rawCall{service: "logs", target: "/", secret: "no", header: target("Logs_20140328.DescribeLogGroups"), body: `{}`},
			400, "InvalidSignatureException", `{"__type":"InvalidSignatureException","message":"` + wrong + `"}`},
		{"json unknown key", rawCall{service: "logs", target: "/", key: "AKIANOBODY", header: target("Logs_20140328.DescribeLogGroups"), body: `{}`},
			400, "UnrecognizedClientException", `{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`},

		{"lattice not found", rawCall{service: "vpc-lattice", method: "GET", target: "/servicenetworks/sn-00000000000000000"},
			404, "ResourceNotFoundException", `{"message":"Service network sn-00000000000000000 not found","resourceId":"sn-00000000000000000","resourceType":"SERVICE_NETWORK"}`},
		{"lattice constraint", rawCall{service: "vpc-lattice", target: "/services", body: `{"name":"a-"}`},
			400, "ValidationException", `{"fieldList":[{"message":"Member must have length greater than or equal to 3","name":"name"},{"message":"Member must satisfy regular expression pattern: (?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+","name":"name"}],` +
				`"message":"2 validation errors detected: Value 'a-' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 3; Value 'a-' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+","reason":"fieldValidationFailed"}`},
		{"lattice union", rawCall{service: "vpc-lattice", target: "/services/svc-0123456789abcdefg/listeners/listener-0123456789abcdefg/rules",
			body: `{"name":"abc","priority":1,"match":{"httpMatch":{}},"action":{}}`},
			400, "ValidationException", `{"fieldList":[{"message":"Member must have exactly one of its members set","name":"action"}],"message":"1 validation error detected: Value 'structure' at 'action' failed to satisfy constraint: Member must have exactly one of its members set","reason":"fieldValidationFailed"}`},
		{"lattice wrong type", rawCall{service: "vpc-lattice", target: "/services", body: `{"name":["a"]}`},
			400, "ValidationException", `{"fieldList":[{"message":"START_ARRAY can not be converted to a String","name":"name"}],"message":"START_ARRAY can not be converted to a String","reason":"cannotParse"}`},
		{"lattice not JSON", rawCall{service: "vpc-lattice", target: "/services", body: `[]`},
			400, "ValidationException", `{"message":"The request body must be a JSON object.","reason":"cannotParse"}`},
		{"lattice unknown path", rawCall{service: "vpc-lattice", target: "/nothing", body: `{}`},
			404, "UnknownOperationException", `{"message":"VPC Lattice has no operation at this method and path."}`},
		{"lattice wrong method", rawCall{service: "vpc-lattice", method: "PUT", target: "/services", body: `{}`},
			404, "UnknownOperationException", `{"message":"This path does not take the method PUT."}`},
		{"lattice panic", rawCall{service: "vpc-lattice", method: "DELETE", target: "/servicenetworks/sn-00000000000000000"},
			500, "InternalServerException", `{"message":"An internal error occurred. The request id names it in the server's log."}`},
		{"lattice internal", rawCall{service: "vpc-lattice", method: "GET", target: "/services/svc-0123456789abcdefg"},
			500, "InternalServerException", `{"message":"An internal error occurred. The request id names it in the server's log."}`},
		{"lattice throttled", rawCall{service: "vpc-lattice", target: "/services", body: `{"name":"fine"}`},
			429, "ThrottlingException", `{"message":"Rate exceeded"}`},
		{"lattice unsigned", rawCall{method: "GET", target: "/services", unsigned: true},
			403, "MissingAuthenticationTokenException", `{"message":"Request is missing Authentication Token"}`},
		{"lattice body changed", rawCall{service: "vpc-lattice", target: "/services", body: `{"name":"fine"}`, after: func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"name":"evil"}`))
		}}, 403, "InvalidSignatureException", `{"message":"` + wrong + `"}`},
		{"lattice bad header", rawCall{method: "GET", target: "/services", unsigned: true, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a"}},
			403, "IncompleteSignatureException", `{"message":"Authorization header requires 'Signature' parameter."}`},
		{"unknown service", rawCall{service: "s3", method: "GET", target: "/"},
			403, "InvalidSignatureException", `{"message":"Credential should be scoped to a service of this server, not 's3'."}`},
		{"lambda not found", rawCall{service: "lambda", method: "GET", target: "/2015-03-31/functions/f"},
			404, "ResourceNotFoundException", `{"Message":"Function not found: f","Type":"User"}`},
		{"lambda not JSON", rawCall{service: "lambda", target: "/2015-03-31/functions", body: `{"a"}`},
			400, "InvalidRequestContentException", `{"Message":"Could not parse request body into json: The request body is not valid JSON: invalid character '}' after object key","Type":"User"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := tt.call.do(t, url)
			if res.StatusCode != tt.status || res.Header.Get("X-Amzn-Errortype") != tt.kind {
				t.Errorf("answered %d %q, want %d %q", res.StatusCode, res.Header.Get("X-Amzn-Errortype"), tt.status, tt.kind)
			}
			id := res.Header.Get("X-Amzn-Requestid")
			if !aUUID.MatchString(id) {
				t.Errorf("request id %q", id)
			}
			got := strings.ReplaceAll(strings.ReplaceAll(body, id, "ID"), "'", "&#39;")
			want := strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(tt.body, "'", "&#39;")), "%s", ".*")
			if !regexp.MustCompile("^" + want + "$").MatchString(got) {
				t.Errorf("answered\n%s\nwant\n%s", body, tt.body)
			}
			if strings.Contains(body, "secret of the server") {
				t.Error("an internal text leaked")
			}
		})
	}
}

func TestSizes(t *testing.T) {
	url, _ := start(t, nil)
	res, body := rawCall{service: "vpc-lattice", target: "/services", body: strings.Repeat(" ", 1<<20+1)}.do(t, url)
	if res.StatusCode != 400 || !strings.Contains(body, "smaller than 1048576 bytes") {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
	big := fmt.Sprintf(`{"FunctionName":"f","Role":"arn:aws:iam::111111111111:role/r","Code":{"ZipFile":"%s"},"Environment":{}}`, strings.Repeat("AAAA", 1<<19))
	if res, body := (rawCall{service: "lambda", target: "/2015-03-31/functions", body: big}).do(t, url); res.StatusCode != 201 {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
	res, body = rawCall{service: "vpc-lattice", target: "/services", body: `{"name":"fine"}`, chunked: true}.do(t, url)
	if res.StatusCode != http.StatusTooManyRequests { // what the handler answers
		t.Errorf("a chunked body answers %d %s", res.StatusCode, body)
	}
}

func TestHosts(t *testing.T) {
	own := []string{"Trellis.example:4566", "[fd00::1]:80"}
	for _, test := range []struct {
		hosts []string
		host  string
		known bool
	}{
		{own, "localhost:4566", true}, {own, "127.0.0.1", true}, {own, "127.9.9.9:1", true}, {own, "[::1]:4566", true},
		{own, "vpc-lattice.eu-west-1.amazonaws.com", true}, {own, "lambda.localhost:4566", true}, {own, "trellis.EXAMPLE", true},
		{own, "[fd00::1]:9", true}, {own, "ec2.eu-west-1.api.aws", true},
		{own, "", false}, {own, "example.com", false}, {own, "localhost.example.com", false}, {own, "10.0.0.1:4566", false},
		{own, "evilamazonaws.com", false}, {own, "[::2]", false},
		{[]string{"0.0.0.0:4566"}, "10.0.0.1:4566", true}, {[]string{"[::]:4566"}, "[fd00::1]:4566", true}, {[]string{":4566"}, "10.0.0.1", true},
		{[]string{":4566"}, "example.com:4566", false}, {[]string{":4566"}, "", false}, {nil, "10.0.0.1", false},
	} {
		h, err := aws.New(aws.Config{Services: services(&recorder{}), Credentials: keyring{}, Hosts: test.hosts})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/services", nil)
		r.Host = test.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Code != http.StatusMisdirectedRequest; got != test.known {
			t.Errorf("a server for %q answers host %q with %d", test.hosts, test.host, w.Code)
		}
	}
}

func TestDevKeys(t *testing.T) {
	call := rawCall{service: "sts", target: "/", header: formHeader, body: "Action=GetCallerIdentity&Version=2011-06-15", secret: "any"}
	for _, tt := range []struct {
		key, account string
		dev          bool
	}{
		{"222222222222", "222222222222", true}, {"test", "000000000000", true}, {"2222222222222", "", true}, {"22222222222x", "", true},
		{accessKey, "", true}, {"222222222222", "", false}, {"test", "", false},
	} {
		url, _ := start(t, func(c *aws.Config) { c.Dev = tt.dev })
		call.key = tt.key
		res, body := call.do(t, url)
		if ok := tt.account != ""; (res.StatusCode == 200) != ok || ok && !strings.Contains(body, "<Account>"+tt.account+"</Account>") {
			t.Errorf("key %s with dev %v: %d %s", tt.key, tt.dev, res.StatusCode, body)
		}
	}
	h, err := aws.New(aws.Config{Services: services(&recorder{}), Credentials: keyring{}, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	call.key = "test"
	r := call.request(t, "http://localhost")
	r.RemoteAddr = "192.0.2.1:1234"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("from elsewhere: %d", w.Code)
	}
}

// gate refuses one action.
type gate struct{ asked *[]string }

func (g gate) Authorize(ctx context.Context, action string, in any) error {
	*g.asked = append(*g.asked, caller.From(ctx).Region+" "+action)
	if action == "ec2:DeleteVpc" || action == "vpc-lattice:ListServices" {
		return fault.New(fault.Denied, "", "User: %s is not authorized to perform: %s", caller.From(ctx).ARN, action)
	}
	return nil
}

func TestAuthorizer(t *testing.T) {
	var asked []string
	var calls []aws.Call
	url, _ := start(t, func(c *aws.Config) {
		c.Authorizer = gate{&asked}
		c.Observe = func(call aws.Call) { calls = append(calls, call) }
	})
	for _, tt := range []struct {
		call   rawCall
		status int
		want   string
	}{
		{rawCall{service: "ec2", target: "/", header: formHeader, body: "Action=DeleteVpc&Version=2016-11-15&VpcId=v&DryRun=true"}, 403, "<Code>UnauthorizedOperation</Code>"},
		{rawCall{service: "vpc-lattice", method: "GET", target: "/services"}, 403, "is not authorized to perform: vpc-lattice:ListServices"},
		{rawCall{service: "lambda", target: "/2015-03-31/functions/f/invocations", body: "{}"}, 200, "re:{}"},
		{rawCall{service: "lambda", method: "GET", target: "/2018-10-31/layers"}, 501, ""},
	} {
		if res, body := tt.call.do(t, url); res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("answered %d %s", res.StatusCode, body)
		}
	}
	same(t, asked, []string{"eu-west-1 ec2:DeleteVpc", "eu-west-1 vpc-lattice:ListServices", "eu-west-1 lambda:InvokeFunction"})
	for i := range calls {
		calls[i].Duration = 0
	}
	same(t, calls, []aws.Call{
		{Service: "ec2", Operation: "DeleteVpc", Code: "UnauthorizedOperation", Status: 403},
		{Service: "vpclattice", Operation: "ListServices", Code: "AccessDeniedException", Status: 403},
		{Service: "lambda", Operation: "Invoke", Status: 200},
		{Service: "lambda", Operation: "ListLayers", Code: "NotImplementedException", Status: 501, NotBuilt: true},
	})
}

func TestInternalErrorsAreLogged(t *testing.T) {
	var log bytes.Buffer
	url, _ := start(t, func(c *aws.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	res, _ := rawCall{service: "vpc-lattice", method: "DELETE", target: "/servicenetworks/sn-00000000000000000"}.do(t, url)
	for _, want := range []string{res.Header.Get("X-Amzn-Requestid"), "secret of the server", "operation=DeleteServiceNetwork", "sdk_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
}

type wrongSignature struct{}

func (wrongSignature) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) error {
	return nil
}

type unlisted struct{}

func (unlisted) ListResourceGateways() {}

func TestNewRefuses(t *testing.T) {
	for name, config := range map[string]aws.Config{
		"no credentials":  {},
		"wrong signature": {Credentials: keyring{}, Services: []aws.Service{{Model: sts.Model, API: wrongSignature{}}}},
		"unlisted":        {Credentials: keyring{}, Services: []aws.Service{{Model: vpclattice.Model, API: unlisted{}}}},
		"twice":           {Credentials: keyring{}, Services: []aws.Service{{Model: ec2.Model}, {Model: ec2.Model}}},
	} {
		if _, err := aws.New(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCovered(t *testing.T) {
	for _, c := range aws.Covered(services(&recorder{})) {
		if c.Service != "STS" {
			continue
		}
		same(t, c.Built, []string{"GetCallerIdentity"})
		if len(c.NotBuilt) != len(sts.Model.Known)-1 || slices.Contains(c.NotBuilt, "GetCallerIdentity") {
			t.Errorf("not built: %v", c.NotBuilt)
		}
	}
}

func BenchmarkGetServiceNetwork(b *testing.B) {
	h, err := aws.New(aws.Config{Services: services(&recorder{}), Credentials: keyring{}})
	if err != nil {
		b.Fatal(err)
	}
	r := rawCall{service: "vpc-lattice", method: "GET", target: "/servicenetworks/sn-0123456789abcdef0"}.request(b, "http://localhost")
	r.RemoteAddr = "127.0.0.1:1"
	r.Body, r.ContentLength = http.NoBody, 0
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkGetServiceNetworkOverHTTP(b *testing.B) {
	url, _ := start(b, nil)
	r := rawCall{service: "vpc-lattice", method: "GET", target: "/servicenetworks/sn-0123456789abcdef0"}.request(b, url)
	r.Body = http.NoBody
	b.ReportAllocs()
	for b.Loop() {
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != 200 {
			b.Fatal(err, res)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := aws.New(aws.Config{Services: services(&recorder{}), Credentials: keyring{}}); err != nil {
			b.Fatal(err)
		}
	}
}
