terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

# One provider for each account. Endpoint, region and keys come with the profile, from the file that AWS_CONFIG_FILE names.

provider "aws" {
  alias   = "shared"
  profile = "shared-services"
  default_tags {
    tags = merge(local.tags, { Account = "SharedServices", StackName = "common-service" })
  }
}

provider "aws" {
  alias   = "blue"
  profile = "blue"
  default_tags {
    tags = merge(local.tags, { Account = "BlueSandbox", StackName = "blue-service" })
  }
}

provider "aws" {
  alias   = "green"
  profile = "green"
  default_tags {
    tags = merge(local.tags, { Account = "GreenSandbox", StackName = "green-service" })
  }
}

locals {
  tags = { AccountType = "Workload", Provisioned = "Terraform" }
}
