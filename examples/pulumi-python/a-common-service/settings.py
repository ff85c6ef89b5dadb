"""What the stack is configured with, and the ranges and tags its parts agree on."""
from pulumi import Config

config = Config()
blue_principal = config.require("blue-principal")
green_principal = config.require("green-principal")
region = Config("aws").require("region")
service_name = config.get("service-name") or "shared-service"

tags = {
    "Account": "SharedServices",
    "AccountType": "Workload",
    "Provisioned": "Pulumi",
    "StackName": "common-service",
}
if config.get("stage"):
    tags["Stage"] = config.get("stage")
# The same, as the aws-native provider takes them.
native_tags = [{"key": key, "value": value} for key, value in tags.items()]

main_cidr = "10.0.0.0/16"
public_cidrs = ["10.0.0.0/22", "10.0.4.0/22"]
app_cidrs = ["10.0.8.0/22", "10.0.12.0/22"]

blue_cidr = "192.168.0.0/23"
blue_cidrs = ["192.168.0.0/24", "192.168.1.0/24"]
green_cidr = "192.168.2.0/23"
green_cidrs = ["192.168.2.0/24", "192.168.3.0/24"]
