# A VPC in two zones: each subnet has a route table of its own, and those of the tier Pub lead to an internet gateway.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" {
  type = string
}

variable "cidr" {
  type = string
}

variable "prefix" {
  description = "What the names of the subnets and route tables begin with."
  type        = string
}

variable "tiers" {
  description = "By the end of their names, the ranges of the subnets, one for each zone."
  type        = map(list(string))
}

data "aws_availability_zones" "available" {
  state = "available"
}

data "aws_region" "current" {}

locals {
  subnets = merge([
    for tier, cidrs in var.tiers : {
      for i, cidr in cidrs : "${tier}-${data.aws_availability_zones.available.names[i]}" => {
        tier = tier
        cidr = cidr
        zone = data.aws_availability_zones.available.names[i]
      }
    }
  ]...)
  public = { for name, subnet in local.subnets : name => subnet if subnet.tier == "Pub" }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = "${var.name}-${data.aws_region.current.id}" }
}

resource "aws_subnet" "this" {
  for_each          = local.subnets
  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.zone
  tags              = { Name = "${var.prefix}Subnet${each.key}" }
}

resource "aws_route_table" "this" {
  for_each = local.subnets
  vpc_id   = aws_vpc.this.id
  tags     = { Name = "${var.prefix}Rt${each.key}" }
}

resource "aws_route_table_association" "this" {
  for_each       = local.subnets
  subnet_id      = aws_subnet.this[each.key].id
  route_table_id = aws_route_table.this[each.key].id
}

resource "aws_internet_gateway" "this" {
  count  = length(local.public) > 0 ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}Igw-${data.aws_region.current.id}" }
}

resource "aws_route" "wan" {
  for_each               = local.public
  route_table_id         = aws_route_table.this[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

output "vpc_id" {
  value = aws_vpc.this.id
}

output "region" {
  value = data.aws_region.current.id
}

# By tier, and in it by zone.
output "subnet_ids" {
  value = { for tier in keys(var.tiers) : tier => { for name, subnet in local.subnets : subnet.zone => aws_subnet.this[name].id if subnet.tier == tier } }
}

output "route_table_ids" {
  value = { for tier in keys(var.tiers) : tier => { for name, subnet in local.subnets : subnet.zone => aws_route_table.this[name].id if subnet.tier == tier } }
}
