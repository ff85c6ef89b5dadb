"""The AWS CLI as a user types it, its profiles and its output."""

import json
import os
import subprocess
import sys
import tempfile

from support import Account, Suite


class CLI(Suite):
    @classmethod
    def setUpClass(cls):
        cls.account = Account("py-cli")

    def aws(self, *args, fails=False):
        command = os.path.join(os.path.dirname(sys.executable), "aws")
        done = subprocess.run([command, "--profile", self.account.profile, *args], capture_output=True, text=True)
        self.assertEqual(done.returncode != 0, fails, f"aws {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stderr if fails else done.stdout

    def test_identity(self):
        self.assertEqual(json.loads(self.aws("sts", "get-caller-identity")),
                         {"UserId": self.account.id, "Account": self.account.id, "Arn": f"arn:aws:iam::{self.account.id}:root"})

    def test_networks(self):
        vpc = self.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--tag-specifications", "ResourceType=vpc,Tags=[{Key=Name,Value=first}]",
                       "--query", "Vpc.VpcId", "--output", "text").strip()
        self.assertRegex(vpc, "^vpc-[0-9a-f]{17}$")
        self.aws("ec2", "wait", "vpc-exists", "--vpc-ids", vpc)
        for i in range(2):
            self.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.0.{i}.0/24")
        found = json.loads(self.aws("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={vpc}", "--max-items", "1"))
        self.assertEqual(len(found["Subnets"]), 1)
        rest = json.loads(self.aws("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={vpc}", "--starting-token", found["NextToken"]))
        self.assertEqual(len(rest["Subnets"]), 1)
        table = self.aws("ec2", "describe-vpcs", "--output", "table")
        for word in ("DescribeVpcs", vpc, "10.0.0.0/16", "available", "first"):
            self.assertIn(word, table)
        self.assertRegex(self.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", "10.1.0.0/24", fails=True),
                         r"An error occurred \(InvalidSubnet.Range\) when calling the CreateSubnet operation: \S+")

    def test_lattice(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as policy:
            json.dump({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}, policy, indent=2)
            policy.flush()
            service = json.loads(self.aws("vpc-lattice", "create-service", "--name", "by-cli", "--auth-type", "AWS_IAM", "--tags", "team=one"))
            self.assertEqual(json.loads(self.aws("vpc-lattice", "put-auth-policy", "--resource-identifier", service["arn"], "--policy", "file://" + policy.name))["state"], "Active")
        self.assertEqual(json.loads(self.aws("vpc-lattice", "list-tags-for-resource", "--resource-arn", service["arn"])), {"tags": {"team": "one"}})
        self.assertIn("by-cli", self.aws("vpc-lattice", "list-services", "--output", "table"))
        self.assertRegex(self.aws("vpc-lattice", "get-service", "--service-identifier", "svc-0123456789abcdef0", fails=True),
                         r"An error occurred \(ResourceNotFoundException\) when calling the GetService operation: \S+")

    def test_others(self):
        for call in (("iam", "list-policies", "--scope", "AWS", "--max-items", "2", "--output", "table"), ("elbv2", "describe-load-balancers", "--output", "text"),
                     ("ram", "get-resource-shares", "--resource-owner", "SELF", "--output", "table"), ("logs", "describe-log-groups")):
            with self.subTest(call=call):
                self.aws(*call)
        self.assertRegex(self.aws("organizations", "describe-organization", fails=True), r"\(AWSOrganizationsNotInUseException\)")
