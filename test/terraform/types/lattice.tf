resource "aws_vpclattice_service_network" "a" {
  name      = "types-${var.generation}"
  auth_type = local.even ? "AWS_IAM" : "NONE"
  tags      = local.tags
}

resource "aws_vpclattice_service" "a" {
  name               = "types-${var.generation}"
  auth_type          = local.even ? "AWS_IAM" : "NONE"
  custom_domain_name = "types.example.com"
  tags               = local.tags
}

resource "aws_vpclattice_target_group" "ip" {
  name = "types-ip-${var.generation}"
  type = "IP"
  config {
    port             = 8080
    protocol         = "HTTP"
    protocol_version = "HTTP1"
    vpc_identifier   = aws_vpc.a.id
    ip_address_type  = "IPV4"
    health_check {
      enabled                       = true
      health_check_interval_seconds = 5 + var.release
      health_check_timeout_seconds  = 3
      healthy_threshold_count       = 7
      unhealthy_threshold_count     = 2
      path                          = "/health"
      port                          = 80
      protocol                      = "HTTP"
      protocol_version              = "HTTP1"
      matcher {
        value = "200-299"
      }
    }
  }
  tags = local.tags
}

resource "aws_vpclattice_target_group" "plain" {
  name = "types-plain"
  type = "IP"
  config {
    port           = 80
    protocol       = "HTTP"
    vpc_identifier = aws_vpc.a.id
  }
  tags = local.tags
}

resource "aws_vpclattice_target_group" "function" {
  name = "types-function"
  type = "LAMBDA"
  config {
    lambda_event_structure_version = "V2"
  }
  tags = local.tags
}

resource "aws_vpclattice_target_group" "bare" {
  name = "types-bare"
  type = "LAMBDA"
}

resource "aws_vpclattice_target_group_attachment" "ip" {
  target_group_identifier = aws_vpclattice_target_group.ip.id
  target {
    id   = aws_network_interface.a.private_ip
    port = 8081
  }
}

resource "aws_vpclattice_target_group_attachment" "function" {
  target_group_identifier = aws_vpclattice_target_group.function.id
  target {
    id = aws_lambda_function.a.arn
  }
}

resource "aws_vpclattice_listener" "fixed" {
  name               = "fixed"
  protocol           = "HTTP"
  port               = 8080
  service_identifier = aws_vpclattice_service.a.id
  default_action {
    fixed_response {
      status_code = 404
    }
  }
  tags = local.tags
  # The provider takes a listener for one that can change its service.
  lifecycle {
    replace_triggered_by = [aws_vpclattice_service.a.id]
  }
}

resource "aws_vpclattice_listener" "forward" {
  name               = "forward"
  protocol           = "HTTP"
  service_identifier = aws_vpclattice_service.a.id
  default_action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.ip.id
        weight                  = local.even ? 70 : 30
      }
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.function.id
        weight                  = 10
      }
    }
  }
  # The provider takes a listener for one that can change its service.
  lifecycle {
    replace_triggered_by = [aws_vpclattice_service.a.id]
  }
}

resource "aws_vpclattice_listener_rule" "forward" {
  name                = "forward"
  listener_identifier = aws_vpclattice_listener.forward.listener_id
  service_identifier  = aws_vpclattice_service.a.id
  priority            = 20
  match {
    http_match {
      method = "GET"
      path_match {
        case_sensitive = true
        match {
          prefix = "/v${var.release}"
        }
      }
      header_matches {
        name           = "x-colour"
        case_sensitive = false
        match {
          contains = "blue"
        }
      }
    }
  }
  action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.function.id
      }
    }
  }
  tags = local.tags
}

resource "aws_vpclattice_listener_rule" "fixed" {
  name                = "fixed"
  listener_identifier = aws_vpclattice_listener.forward.listener_id
  service_identifier  = aws_vpclattice_service.a.id
  priority            = 10
  match {
    http_match {
      path_match {
        match {
          exact = "/gone"
        }
      }
    }
  }
  action {
    fixed_response {
      status_code = local.even ? 404 : 404
    }
  }
}

resource "aws_vpclattice_service_network_service_association" "a" {
  service_identifier         = aws_vpclattice_service.a.id
  service_network_identifier = aws_vpclattice_service_network.a.id
  tags                       = local.tags
}

resource "aws_vpclattice_service_network_vpc_association" "a" {
  vpc_identifier             = aws_vpc.a.id
  service_network_identifier = aws_vpclattice_service_network.a.id
  security_group_ids         = local.even ? [aws_security_group.a.id, aws_security_group.b.id] : [aws_security_group.a.id]
  tags                       = local.tags
}

resource "aws_vpclattice_access_log_subscription" "a" {
  resource_identifier = aws_vpclattice_service_network.a.id
  destination_arn     = local.even ? aws_cloudwatch_log_group.lattice[1].arn : aws_cloudwatch_log_group.lattice[0].arn
  tags                = local.tags
}

resource "aws_vpclattice_auth_policy" "a" {
  resource_identifier = aws_vpclattice_service_network.a.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "*"
      Resource  = "*"
      Condition = { StringEquals = { "vpc-lattice-svcs:RequestQueryString/release" = tostring(var.release) } }
    }]
  })
}

resource "aws_vpclattice_resource_policy" "a" {
  resource_arn = aws_vpclattice_service_network.a.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "release${var.release}"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.other.account_id}:root" }
      Action    = ["vpc-lattice:CreateServiceNetworkVpcAssociation", "vpc-lattice:CreateServiceNetworkServiceAssociation", "vpc-lattice:GetServiceNetwork"]
      Resource  = aws_vpclattice_service_network.a.arn
    }]
  })
}

data "aws_vpclattice_service_network" "a" {
  service_network_identifier = aws_vpclattice_service_network.a.id
}

data "aws_vpclattice_service" "a" {
  name = aws_vpclattice_service_network_service_association.a.service_identifier == "" ? "" : aws_vpclattice_service.a.name
}

data "aws_vpclattice_listener" "a" {
  listener_identifier = aws_vpclattice_listener.fixed.listener_id
  service_identifier  = aws_vpclattice_service.a.id
}

data "aws_vpclattice_auth_policy" "a" {
  resource_identifier = aws_vpclattice_auth_policy.a.resource_identifier
}

data "aws_vpclattice_resource_policy" "a" {
  resource_arn = aws_vpclattice_resource_policy.a.resource_arn
}

resource "aws_vpclattice_resource_gateway" "a" {
  name               = "types-${var.generation}"
  vpc_id             = aws_vpc.a.id
  subnet_ids         = aws_subnet.a[*].id
  security_group_ids = local.even ? [aws_security_group.a.id, aws_security_group.b.id] : [aws_security_group.a.id]
  ip_address_type    = "IPV4"
  tags               = local.tags
}

resource "aws_vpclattice_resource_configuration" "address" {
  name                                           = "types-${var.generation}"
  resource_gateway_identifier                    = aws_vpclattice_resource_gateway.a.id
  type                                           = "SINGLE"
  protocol                                       = "TCP"
  port_ranges                                    = local.even ? ["5432", "6000-6010"] : ["5432"]
  allow_association_to_shareable_service_network = true
  resource_configuration_definition {
    ip_resource {
      ip_address = "10.1.0.${20 + var.release}"
    }
  }
  tags = local.tags
}

resource "aws_vpclattice_resource_configuration" "name" {
  name                        = "types-name"
  resource_gateway_identifier = aws_vpclattice_resource_gateway.a.id
  protocol                    = "TCP"
  port_ranges                 = ["80"]
  resource_configuration_definition {
    dns_resource {
      domain_name     = "resource.example.com"
      ip_address_type = "IPV4"
    }
  }
}

resource "aws_vpclattice_service_network_resource_association" "a" {
  resource_configuration_identifier = aws_vpclattice_resource_configuration.address.id
  service_network_identifier        = aws_vpclattice_service_network.a.id
  tags                              = local.tags
}
