"""Takes over a VPC and a service network that something else made."""
from pulumi import Config, ResourceOptions
from pulumi_aws import ec2
from pulumi_aws_native import vpclattice

config = Config()
ec2.Vpc("found", cidr_block="10.99.0.0/16", enable_dns_hostnames=False, enable_dns_support=True, tags={"Name": "found"},
        opts=ResourceOptions(import_=config.require("vpc")))
vpclattice.ServiceNetwork("found", name="found", auth_type="NONE", opts=ResourceOptions(import_=config.require("network")))
