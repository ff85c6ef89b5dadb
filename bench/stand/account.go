package stand

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// Region is the region of what the bench makes, unless it says otherwise.
const Region = "us-west-2"

// Account asks an endpoint as one AWS account.
type Account struct {
	ID       string
	Region   string
	Endpoint string
	keys     aws.Credentials

	EC2     *ec2.Client
	Lattice *vpclattice.Client
	Lambda  *lambda.Client
	IAM     *iam.Client
}

// Account makes an account.
func (s *Server) Account(ctx context.Context, name string) (*Account, error) {
	out, err := s.Run(ctx, "accounts", "create", name, "--json")
	if err != nil {
		return nil, err
	}
	var made struct {
		Account   string
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, fmt.Errorf("accounts create: %w", err)
	}
	return NewAccount(s.Endpoint, Region, made.Account, made.AccessKey, made.SecretKey), nil
}

// In is the account in another region.
func (a *Account) In(region string) *Account {
	return NewAccount(a.Endpoint, region, a.ID, a.keys.AccessKeyID, a.keys.SecretAccessKey)
}

// At is the account on a server that was started again.
func (a *Account) At(endpoint string) *Account {
	return NewAccount(endpoint, a.Region, a.ID, a.keys.AccessKeyID, a.keys.SecretAccessKey)
}

// NewAccount has the clients of an account with the keys.
func NewAccount(endpoint, region, id, key, secret string) *Account {
	c := aws.Config{Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 2 * time.Minute}}
	return &Account{ID: id, Region: region, Endpoint: endpoint, keys: aws.Credentials{AccessKeyID: key, SecretAccessKey: secret},
		EC2: ec2.NewFromConfig(c), Lattice: vpclattice.NewFromConfig(c), Lambda: lambda.NewFromConfig(c), IAM: iam.NewFromConfig(c)}
}

// Call is a call of an API, as the load generator sends it.
type Call struct {
	Service, Method, Path string
	ContentType, Body     string
}

// GetServiceNetwork is a call of VPC Lattice.
func GetServiceNetwork(id string) Call {
	return Call{Service: "vpc-lattice", Method: "GET", Path: "/servicenetworks/" + id}
}

// CreateService is a call of VPC Lattice.
func CreateService(name string) Call {
	return Call{Service: "vpc-lattice", Method: "POST", Path: "/services", ContentType: "application/json", Body: `{"name":"` + name + `"}`}
}

// UpdateServiceNetwork is a call of VPC Lattice.
func UpdateServiceNetwork(id, auth string) Call {
	return Call{Service: "vpc-lattice", Method: "PATCH", Path: "/servicenetworks/" + id, ContentType: "application/json", Body: `{"authType":"` + auth + `"}`}
}

// Invoke is a call of Lambda.
func Invoke(function, event string) Call {
	return Call{Service: "lambda", Method: "POST", Path: "/2015-03-31/functions/" + function + "/invocations", ContentType: "application/json", Body: event}
}

// DescribeVpcs is a call of EC2.
func DescribeVpcs() Call {
	return Call{Service: "ec2", Method: "POST", Path: "/", ContentType: "application/x-www-form-urlencoded; charset=utf-8", Body: "Action=DescribeVpcs&Version=2016-11-15"}
}

// Sign makes requests of calls, each with a signature of its own, as they go over the wire.
func (a *Account) Sign(ctx context.Context, calls ...Call) ([][]byte, error) {
	signer := v4.NewSigner()
	out := make([][]byte, 0, len(calls))
	for i, c := range calls {
		r, err := http.NewRequestWithContext(ctx, c.Method, a.Endpoint+c.Path, strings.NewReader(c.Body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("User-Agent", "aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26")
		r.Header.Set("Amz-Sdk-Invocation-Id", fmt.Sprintf("%08x-0000-4000-8000-%012x", i, time.Now().UnixNano()&0xffffffffffff))
		r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
		if c.ContentType != "" {
			r.Header.Set("Content-Type", c.ContentType)
		}
		sum := sha256.Sum256([]byte(c.Body))
		if err := signer.SignHTTP(ctx, a.keys, r, hex.EncodeToString(sum[:]), c.Service, a.Region, time.Now()); err != nil {
			return nil, err
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.Method, c.Path, r.URL.Host)
		if c.Body != "" {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(c.Body))
		}
		if err := r.Header.Write(&b); err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\r\n%s", c.Body)
		out = append(out, b.Bytes())
	}
	return out, nil
}
