# The two service networks, each shared with its team's account, and the service in both that only the right question opens.

resource "aws_ram_resource_share" "team" {
  provider                  = aws.shared
  for_each                  = local.teams
  name                      = "${each.key}LatticeRamShare"
  allow_external_principals = false
}

resource "aws_ram_principal_association" "team" {
  provider           = aws.shared
  for_each           = local.teams
  principal          = each.value.account
  resource_share_arn = aws_ram_resource_share.team[each.key].arn
}

resource "aws_vpclattice_service_network" "team" {
  provider  = aws.shared
  for_each  = local.teams
  name      = "${lower(each.key)}-service-network"
  auth_type = "NONE"
}

# With this the network is the team's too.
resource "aws_ram_resource_association" "team" {
  provider           = aws.shared
  for_each           = local.teams
  resource_arn       = aws_vpclattice_service_network.team[each.key].arn
  resource_share_arn = aws_ram_resource_share.team[each.key].arn
  depends_on         = [aws_ram_principal_association.team]
}

resource "aws_vpclattice_service_network_vpc_association" "peer" {
  provider                   = aws.shared
  for_each                   = local.teams
  service_network_identifier = aws_vpclattice_service_network.team[each.key].id
  vpc_identifier             = module.peer[each.key].vpc_id
  security_group_ids         = [aws_security_group.shared["${each.key}SecurityGroup"].id]
}

resource "aws_vpclattice_target_group" "shared_service" {
  provider = aws.shared
  name     = "shared-service-target"
  type     = "ALB"
  config {
    port           = 80
    protocol       = "HTTP"
    vpc_identifier = module.main.vpc_id
  }
}

resource "aws_vpclattice_target_group_attachment" "shared_service" {
  provider                = aws.shared
  target_group_identifier = aws_vpclattice_target_group.shared_service.id
  target {
    id   = aws_lb.directory.arn
    port = 80
  }
}

resource "aws_vpclattice_service" "shared_service" {
  provider  = aws.shared
  name      = var.service_name
  auth_type = "AWS_IAM"
}

resource "aws_vpclattice_listener" "shared_service" {
  provider           = aws.shared
  name               = "shared-service-listener"
  protocol           = "HTTP"
  port               = 80
  service_identifier = aws_vpclattice_service.shared_service.id
  default_action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.shared_service.id
        weight                  = 100
      }
    }
  }
  # The provider takes a listener for one that can change its service.
  lifecycle {
    replace_triggered_by = [aws_vpclattice_service.shared_service.id]
  }
}

resource "aws_vpclattice_service_network_service_association" "team" {
  provider                   = aws.shared
  for_each                   = local.teams
  service_identifier         = aws_vpclattice_service.shared_service.id
  service_network_identifier = aws_vpclattice_service_network.team[each.key].id
}

resource "aws_vpclattice_auth_policy" "shared_service" {
  provider            = aws.shared
  resource_identifier = aws_vpclattice_service.shared_service.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for team, it in local.teams : {
      Effect    = "Allow"
      Principal = "*"
      Action    = "vpc-lattice-svcs:Invoke"
      Resource  = "*"
      Condition = {
        StringEquals = {
          "vpc-lattice-svcs:RequestMethod"         = "GET"
          "vpc-lattice-svcs:RequestQueryString/q"  = lower(team)
          "vpc-lattice-svcs:SourceVpcOwnerAccount" = it.account
        }
      }
    }]
  })
}

variable "service_name" {
  description = "Name of the service that both teams ask."
  type        = string
  default     = "shared-service"
}

output "shared_service_fqdn" {
  value = aws_vpclattice_service.shared_service.dns_entry[0].domain_name
}
