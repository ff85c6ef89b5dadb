resource "aws_vpc" "a" {
  cidr_block = "10.1.0.0/16"
  tags       = merge(local.tags, { Name = "types-a" })
}

resource "aws_vpc" "b" {
  provider   = aws.other
  cidr_block = "10.2.0.0/16"
  tags       = merge(local.tags, { Name = "types-b" })
}

resource "aws_vpc_ipv4_cidr_block_association" "a" {
  vpc_id     = aws_vpc.a.id
  cidr_block = "10.3.0.0/16"
}

resource "aws_subnet" "a" {
  count                   = 2
  vpc_id                  = aws_vpc.a.id
  cidr_block              = "10.1.${count.index}.0/24"
  availability_zone       = data.aws_availability_zones.this.names[count.index]
  map_public_ip_on_launch = local.even
  tags                    = local.tags
}

# Its range changes with the generation.
resource "aws_subnet" "spare" {
  vpc_id     = aws_vpc_ipv4_cidr_block_association.a.vpc_id
  cidr_block = var.generation == "a" ? "10.3.0.0/24" : "10.3.1.0/24"
  lifecycle {
    ignore_changes = [tags] # they are aws_ec2_tag.a's
  }
}

resource "aws_internet_gateway" "a" {
  tags = local.tags
}

resource "aws_internet_gateway_attachment" "a" {
  internet_gateway_id = aws_internet_gateway.a.id
  vpc_id              = aws_vpc.a.id
}

resource "aws_route_table" "inline" {
  vpc_id = aws_vpc.a.id
  route {
    cidr_block = local.even ? "192.0.2.0/24" : "198.51.100.0/24"
    gateway_id = aws_internet_gateway_attachment.a.internet_gateway_id
  }
  tags = local.tags
}

resource "aws_main_route_table_association" "a" {
  vpc_id         = aws_vpc.a.id
  route_table_id = aws_route_table.inline.id
}

resource "aws_route_table" "a" {
  vpc_id = aws_vpc.a.id
}

resource "aws_route" "peer" {
  route_table_id            = aws_route_table.a.id
  destination_cidr_block    = "10.2.0.0/16"
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.b.id
}

resource "aws_route_table_association" "a" {
  subnet_id      = aws_subnet.a[0].id
  route_table_id = local.even ? aws_route_table.inline.id : aws_route_table.a.id
}

resource "aws_vpc_peering_connection" "a" {
  vpc_id        = aws_vpc.a.id
  peer_vpc_id   = aws_vpc.b.id
  peer_owner_id = data.aws_caller_identity.other.account_id
  tags          = local.tags
}

resource "aws_vpc_peering_connection_accepter" "b" {
  provider                  = aws.other
  vpc_peering_connection_id = aws_vpc_peering_connection.a.id
  auto_accept               = true
  tags                      = local.tags
}

resource "aws_network_acl" "inline" {
  vpc_id     = aws_vpc.a.id
  subnet_ids = [aws_subnet.a[0].id]
  ingress {
    protocol   = "tcp"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = local.even ? 80 : 443
    to_port    = 443
  }
  egress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  tags = local.tags
}

resource "aws_network_acl" "a" {
  vpc_id = aws_vpc.a.id
}

resource "aws_network_acl_rule" "a" {
  network_acl_id = aws_network_acl.a.id
  rule_number    = 100
  egress         = false
  protocol       = "icmp"
  rule_action    = "allow"
  cidr_block     = local.even ? "10.0.0.0/8" : "0.0.0.0/0"
  icmp_type      = -1
  icmp_code      = -1
}

resource "aws_network_acl_association" "a" {
  network_acl_id = aws_network_acl.a.id
  subnet_id      = aws_subnet.a[1].id
}

resource "aws_default_security_group" "a" {
  vpc_id = aws_vpc.a.id
  ingress {
    protocol  = "-1"
    self      = true
    from_port = 0
    to_port   = 0
  }
  tags = local.tags
}

resource "aws_default_network_acl" "a" {
  default_network_acl_id = aws_vpc.a.default_network_acl_id
  ingress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  tags = local.tags
  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_default_route_table" "b" {
  provider               = aws.other
  default_route_table_id = aws_vpc.b.default_route_table_id
  tags                   = local.tags
}

resource "aws_security_group" "a" {
  name        = "types-${var.generation}"
  description = "of the types"
  vpc_id      = aws_vpc.a.id
  tags        = local.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "a" {
  security_group_id = aws_security_group.a.id
  type              = "ingress"
  description       = "release ${var.release}"
  protocol          = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_blocks       = ["10.0.0.0/8", "192.168.0.0/16"]
}

resource "aws_security_group_rule" "self" {
  security_group_id = aws_security_group.a.id
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  self              = true
}

resource "aws_security_group_rule" "lattice" {
  security_group_id = aws_security_group.a.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 8080
  to_port           = 8081
  prefix_list_ids   = [data.aws_ec2_managed_prefix_list.lattice.id]
}

resource "aws_security_group" "b" {
  vpc_id = aws_vpc.a.id
}

resource "aws_vpc_security_group_ingress_rule" "b" {
  security_group_id = aws_security_group.b.id
  description       = "release ${var.release}"
  ip_protocol       = "tcp"
  from_port         = local.even ? 80 : 81
  to_port           = 90
  cidr_ipv4         = "10.0.0.0/8"
  tags              = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "group" {
  security_group_id            = aws_security_group.b.id
  ip_protocol                  = "udp"
  from_port                    = 53
  to_port                      = 53
  referenced_security_group_id = aws_security_group.a.id
}

resource "aws_vpc_security_group_egress_rule" "b" {
  security_group_id = aws_security_group.b.id
  ip_protocol       = "-1"
  cidr_ipv6         = "::/0"
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "list" {
  security_group_id = aws_security_group.b.id
  ip_protocol       = "-1"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.lattice.id
}

resource "aws_network_interface" "a" {
  subnet_id       = aws_subnet.a[0].id
  description     = "release ${var.release}"
  private_ips     = ["10.1.0.50"]
  security_groups = [aws_security_group.b.id]
  tags            = local.tags
}

resource "aws_network_interface" "b" {
  subnet_id = aws_subnet.a[1].id
  lifecycle {
    ignore_changes = [security_groups]
  }
}

resource "aws_network_interface_sg_attachment" "b" {
  security_group_id    = aws_security_group.a.id
  network_interface_id = aws_network_interface.b.id
}

resource "aws_vpc_endpoint" "a" {
  vpc_id              = aws_vpc.a.id
  vpc_endpoint_type   = "ServiceNetwork"
  service_network_arn = aws_vpclattice_service_network.a.arn
  subnet_ids          = local.even ? aws_subnet.a[*].id : [aws_subnet.a[0].id]
  security_group_ids  = [aws_security_group.b.id]
  tags                = local.tags
}

resource "aws_default_vpc" "lone" {
  provider             = aws.lone
  enable_dns_hostnames = local.even
  tags                 = local.tags
}

resource "aws_default_subnet" "lone" {
  provider                = aws.lone
  availability_zone       = data.aws_availability_zones.this.names[0]
  map_public_ip_on_launch = local.even
  force_destroy           = true
  tags                    = local.tags
  depends_on              = [aws_default_vpc.lone]
}

resource "aws_ec2_tag" "a" {
  resource_id = aws_subnet.spare.id
  key         = "From"
  value       = "release ${var.release}"
}

data "aws_ec2_managed_prefix_list" "lattice" {
  name = "com.amazonaws.${data.aws_region.this.id}.vpc-lattice"
}

data "aws_ec2_managed_prefix_lists" "all" {}

data "aws_prefix_list" "lattice" {
  name = "com.amazonaws.${data.aws_region.this.id}.vpc-lattice"
}

data "aws_vpc" "a" {
  id = aws_vpc.a.id
}

data "aws_vpcs" "all" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.a.id]
  }
}

data "aws_subnet" "a" {
  id = aws_subnet.a[0].id
}

data "aws_subnets" "a" {
  filter {
    name   = "subnet-id"
    values = aws_subnet.a[*].id
  }
}

data "aws_security_group" "a" {
  id = aws_security_group.a.id
}

data "aws_security_groups" "a" {
  filter {
    name   = "group-id"
    values = [aws_security_group.a.id, aws_security_group.b.id]
  }
}

data "aws_vpc_security_group_rule" "b" {
  security_group_rule_id = aws_vpc_security_group_egress_rule.b.id
}

data "aws_vpc_security_group_rules" "b" {
  filter {
    name   = "group-id"
    values = [aws_vpc_security_group_egress_rule.b.security_group_id]
  }
}

data "aws_route_table" "a" {
  route_table_id = aws_route_table.a.id
}

data "aws_route_tables" "a" {
  filter {
    name   = "route-table-id"
    values = [aws_route_table.a.id]
  }
}

data "aws_route" "peer" {
  route_table_id         = aws_route.peer.route_table_id
  destination_cidr_block = "10.2.0.0/16"
}

data "aws_internet_gateway" "a" {
  filter {
    name   = "attachment.vpc-id"
    values = [aws_internet_gateway_attachment.a.vpc_id]
  }
}

data "aws_network_acls" "a" {
  filter {
    name   = "network-acl-id"
    values = [aws_network_acl.a.id]
  }
}

data "aws_network_interface" "a" {
  id = aws_network_interface.a.id
}

data "aws_network_interfaces" "a" {
  filter {
    name   = "network-interface-id"
    values = [aws_network_interface.a.id]
  }
}

data "aws_vpc_peering_connection" "a" {
  id = aws_vpc_peering_connection_accepter.b.id
}

data "aws_vpc_peering_connections" "a" {
  filter {
    name   = "requester-vpc-info.vpc-id"
    values = [aws_vpc_peering_connection.a.vpc_id]
  }
}

data "aws_vpc_dhcp_options" "a" {
  dhcp_options_id = aws_vpc.a.dhcp_options_id
}

data "aws_regions" "all" {}
