# The shared account's networks: the main VPC, and for each team a VPC that reaches the main one by peering and the shared
# service through the team's service network.

locals {
  main_cidr = "10.0.0.0/16"
  # The accounts and VPCs of the two teams.
  teams = {
    Blue = {
      account = data.aws_caller_identity.blue.account_id
      cidr    = "192.168.0.0/23"
      subnets = ["192.168.0.0/24", "192.168.1.0/24"]
    }
    Green = {
      account = data.aws_caller_identity.green.account_id
      cidr    = "192.168.2.0/23"
      subnets = ["192.168.2.0/24", "192.168.3.0/24"]
    }
  }
  zones = slice(data.aws_availability_zones.shared.names, 0, 2)
  # Each team in each zone.
  peer_routes = merge([for team in keys(local.teams) : { for zone in local.zones : "${team}-${zone}" => { team = team, zone = zone } }]...)
  # The security groups of the shared account, all of which let everything in and out.
  groups = {
    GreenSecurityGroup          = { description = "Green Lattice Security Group", vpc_id = module.peer["Green"].vpc_id }
    BlueSecurityGroup           = { description = "Blue Lattice Security Group", vpc_id = module.peer["Blue"].vpc_id }
    MainLambdaAlbSecurityGroup  = { description = "ALB Security Group", vpc_id = module.main.vpc_id }
    MainLambdaFuncSecurityGroup = { description = "Lambda Security Group", vpc_id = module.main.vpc_id }
  }
}

data "aws_caller_identity" "blue" {
  provider = aws.blue
}

data "aws_caller_identity" "green" {
  provider = aws.green
}

data "aws_availability_zones" "shared" {
  provider = aws.shared
  state    = "available"
}

module "main" {
  source    = "./network"
  providers = { aws = aws.shared }
  name      = "SharedServicesMainVpc"
  cidr      = local.main_cidr
  prefix    = "SharedService"
  tiers = {
    Pub = ["10.0.0.0/22", "10.0.4.0/22"]
    App = ["10.0.8.0/22", "10.0.12.0/22"]
  }
}

module "peer" {
  source    = "./network"
  for_each  = local.teams
  providers = { aws = aws.shared }
  name      = "${each.key}NetworkVpc"
  cidr      = each.value.cidr
  prefix    = "${each.key}Peer"
  tiers     = { "" = each.value.subnets }
}

resource "aws_vpc_peering_connection" "peer" {
  provider    = aws.shared
  for_each    = local.teams
  vpc_id      = module.main.vpc_id
  peer_vpc_id = module.peer[each.key].vpc_id
  auto_accept = true
  tags        = { Name = "${each.key}PeeringConnection" }
}

resource "aws_vpc_peering_connection_options" "peer" {
  provider                  = aws.shared
  for_each                  = local.teams
  vpc_peering_connection_id = aws_vpc_peering_connection.peer[each.key].id
  accepter {
    allow_remote_vpc_dns_resolution = true
  }
  requester {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_route" "to_peer" {
  provider                  = aws.shared
  for_each                  = local.peer_routes
  route_table_id            = module.main.route_table_ids["App"][each.value.zone]
  destination_cidr_block    = local.teams[each.value.team].cidr
  vpc_peering_connection_id = aws_vpc_peering_connection.peer[each.value.team].id
}

resource "aws_route" "to_main" {
  provider                  = aws.shared
  for_each                  = local.peer_routes
  route_table_id            = module.peer[each.value.team].route_table_ids[""][each.value.zone]
  destination_cidr_block    = local.main_cidr
  vpc_peering_connection_id = aws_vpc_peering_connection.peer[each.value.team].id
}

resource "aws_security_group" "shared" {
  provider    = aws.shared
  for_each    = local.groups
  description = each.value.description
  vpc_id      = each.value.vpc_id
  ingress {
    description      = "Any"
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  tags = { Name = "${each.key}-${module.main.region}" }
  # Another one is there before this one goes: what is in use cannot go.
  lifecycle {
    create_before_destroy = true
  }
}
