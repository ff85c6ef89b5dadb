package iam

import (
	"crypto/sha256"
	"encoding/base32"
	"time"
)

// ManagedPolicy is a policy that AWS keeps for every account.
type ManagedPolicy struct {
	Name, ARN, Path string
	// ID is Trellis's own, the same in every account and on every start.
	ID string
	// VersionID is the default version, the only one there is here.
	VersionID        string
	Description      string
	Created, Updated time.Time
	Document         string
}

// ManagedPolicies returns the AWS-managed identity policies, sorted by name. Their documents grant what AWS's grant, but for
// ReadOnlyAccess, which covers the services a landing zone meets.
func ManagedPolicies() []ManagedPolicy {
	return []ManagedPolicy{
		managed("AWSLambdaBasicExecutionRole", "/service-role/", "v1", "Lets a Lambda function write its log.",
			"2015-04-09T15:03:00Z", "2015-04-09T15:03:00Z", lambdaBasicExecution),
		managed("AWSLambdaVPCAccessExecutionRole", "/service-role/", "v3", "Lets a Lambda function write its log and have network interfaces in a VPC.",
			"2016-02-11T23:15:00Z", "2024-01-05T22:38:00Z", lambdaVPCAccessExecution),
		managed("AdministratorAccess", "/", "v1", "Provides full access to AWS services and resources.",
			"2015-02-06T18:39:00Z", "2015-02-06T18:39:00Z", allowEverything),
		managed("PowerUserAccess", "/", "v12", "Provides full access to AWS services and resources, but not to users, groups, the organization and the account.",
			"2015-02-06T18:39:00Z", "2026-02-12T17:59:00Z", powerUser),
		managed("ReadOnlyAccess", "/", "v1", "Provides read-only access to AWS services and resources.",
			"2015-02-06T18:39:00Z", "2015-02-06T18:39:00Z", readOnly),
		managed("VPCLatticeFullAccess", "/", "v2", "Provides full access to Amazon VPC Lattice and what it depends on.",
			"2023-03-30T02:49:00Z", "2024-12-01T14:21:00Z", latticeFull),
		managed("VPCLatticeReadOnlyAccess", "/", "v2", "Provides read-only access to Amazon VPC Lattice and what it depends on.",
			"2023-03-30T02:47:00Z", "2024-12-01T14:21:00Z", latticeReadOnly),
		managed("VPCLatticeServicesInvokeAccess", "/", "v1", "Lets a caller invoke Amazon VPC Lattice services.",
			"2023-03-30T02:45:00Z", "2023-03-30T02:45:00Z", latticeInvoke),
	}
}

// FullAWSAccess is the service control policy that every root, unit and account of an organization starts with.
func FullAWSAccess() ManagedPolicy {
	return ManagedPolicy{
		Name:        "FullAWSAccess",
		ARN:         "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess",
		ID:          "p-FullAWSAccess",
		Description: "Allows access to every operation",
		Document:    allowEverything,
	}
}

func managed(name, path, version, description, created, updated, document string) ManagedPolicy {
	sum := sha256.Sum256([]byte(name))
	return ManagedPolicy{
		Name:        name,
		ARN:         "arn:aws:iam::aws:policy" + path + name,
		Path:        path,
		ID:          "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17],
		VersionID:   version,
		Description: description,
		Created:     at(created),
		Updated:     at(updated),
		Document:    document,
	}
}

func at(s string) time.Time {
	t, _ := parseDate(s)
	return t
}

const allowEverything = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}
  ]
}`

const lambdaBasicExecution = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
      "Resource": "*"
    }
  ]
}`

const lambdaVPCAccessExecution = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "AWSLambdaVPCAccessExecutionPermissions",
      "Effect": "Allow",
      "Action": [
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"
      ],
      "Resource": "*"
    }
  ]
}`

const powerUser = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": [
        "account:GetAccountInformation", "account:GetGovCloudAccountInformation", "account:GetPrimaryEmail", "account:ListRegions",
        "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles",
        "organizations:DescribeEffectivePolicy", "organizations:DescribeOrganization"
      ],
      "Resource": "*"
    }
  ]
}`

const readOnly = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "acm:Describe*", "acm:Get*", "acm:List*",
        "cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*",
        "cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
        "ec2:Describe*", "ec2:Get*", "ec2:List*", "ec2:Search*",
        "elasticloadbalancing:Describe*",
        "iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*",
        "lambda:Get*", "lambda:List*",
        "logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:List*",
        "organizations:Describe*", "organizations:List*",
        "ram:Get*", "ram:List*",
        "s3:Get*", "s3:List*",
        "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken",
        "tag:Get*",
        "vpc-lattice:Get*", "vpc-lattice:List*"
      ],
      "Resource": "*"
    }
  ]
}`

const latticeFull = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "vpc-lattice:*",
        "acm:DescribeCertificate", "acm:ListCertificates",
        "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics",
        "ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs",
        "elasticloadbalancing:DescribeLoadBalancers",
        "firehose:DescribeDeliveryStream", "firehose:ListDeliveryStreams",
        "lambda:ListAliases", "lambda:ListFunctions", "lambda:ListVersionsByFunction",
        "logs:DescribeLogGroups",
        "rds:DescribeDBClusters", "rds:DescribeDBInstances",
        "s3:ListAllMyBuckets"
      ],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:UpdateLogDelivery",
        "logs:DescribeResourcePolicies"
      ],
      "Resource": "*",
      "Condition": {"ForAnyValue:StringEquals": {"aws:CalledVia": ["vpc-lattice.amazonaws.com"]}}
    },
    {
      "Effect": "Allow",
      "Action": "iam:CreateServiceLinkedRole",
      "Resource": "arn:aws:iam::*:role/aws-service-role/vpc-lattice.amazonaws.com/AWSServiceRoleForVpcLattice",
      "Condition": {"StringLike": {"iam:AWSServiceName": "vpc-lattice.amazonaws.com"}}
    },
    {
      "Effect": "Allow",
      "Action": "iam:CreateServiceLinkedRole",
      "Resource": "arn:aws:iam::*:role/aws-service-role/delivery.logs.amazonaws.com/AWSServiceRoleForLogDelivery",
      "Condition": {"StringLike": {"iam:AWSServiceName": "delivery.logs.amazonaws.com"}}
    },
    {
      "Effect": "Allow",
      "Action": ["iam:DeleteServiceLinkedRole", "iam:GetServiceLinkedRoleDeletionStatus"],
      "Resource": "arn:aws:iam::*:role/aws-service-role/vpc-lattice.amazonaws.com/AWSServiceRoleForVpcLattice"
    }
  ]
}`

const latticeReadOnly = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "vpc-lattice:Get*", "vpc-lattice:List*",
        "acm:DescribeCertificate", "acm:ListCertificates",
        "cloudwatch:GetMetricData",
        "ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs",
        "elasticloadbalancing:DescribeLoadBalancers",
        "firehose:DescribeDeliveryStream", "firehose:ListDeliveryStreams",
        "lambda:ListAliases", "lambda:ListFunctions", "lambda:ListVersionsByFunction",
        "logs:DescribeLogGroups", "logs:GetLogDelivery", "logs:ListLogDeliveries",
        "rds:DescribeDBClusters", "rds:DescribeDBInstances",
        "s3:ListAllMyBuckets"
      ],
      "Resource": "*"
    }
  ]
}`

const latticeInvoke = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["vpc-lattice-svcs:Invoke"], "Resource": "*"}
  ]
}`
