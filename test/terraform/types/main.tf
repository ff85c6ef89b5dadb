# Every resource type and data source of the provider that Trellis serves and the landing zone does not have.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  profile = "shared-services"
}

provider "aws" {
  alias   = "other"
  profile = "blue"
}

provider "aws" {
  alias   = "lone"
  profile = "lone"
}

variable "release" {
  description = "Goes into everything that can be changed in place."
  type        = number
  default     = 1
}

variable "generation" {
  description = "Goes into names, whose change is a replacement."
  type        = string
  default     = "a"
}

variable "functions" {
  type = string
}

locals {
  even = var.release % 2 == 0
  tags = { Release = tostring(var.release) }
}

data "aws_caller_identity" "this" {}
data "aws_caller_identity" "other" {
  provider = aws.other
}
data "aws_caller_identity" "lone" {
  provider = aws.lone
}
data "aws_region" "this" {}
data "aws_partition" "this" {}
data "aws_availability_zones" "this" {
  state = "available"
}
data "aws_availability_zone" "first" {
  name = data.aws_availability_zones.this.names[0]
}
