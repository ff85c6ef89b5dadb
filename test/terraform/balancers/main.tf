# Load balancers with all that belongs to them. The provider waits a minute for each load balancer.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  profile = "green"
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

locals {
  even = var.release % 2 == 0
  tags = { Release = tostring(var.release) }
}

data "aws_availability_zones" "this" {
  state = "available"
}

resource "aws_vpc" "a" {
  cidr_block = "10.1.0.0/16"
}

resource "aws_subnet" "a" {
  count             = 2
  vpc_id            = aws_vpc.a.id
  cidr_block        = "10.1.${count.index}.0/24"
  availability_zone = data.aws_availability_zones.this.names[count.index]
}

resource "aws_security_group" "a" {
  vpc_id = aws_vpc.a.id
}

resource "aws_lb" "a" {
  name            = "types"
  internal        = true
  subnets         = aws_subnet.a[*].id
  security_groups = [aws_security_group.a.id]
  idle_timeout    = 30
}

resource "aws_lb_target_group" "ip" {
  name                              = "types-${var.generation}"
  port                              = 8080
  protocol                          = "HTTP"
  target_type                       = "ip"
  vpc_id                            = aws_vpc.a.id
  deregistration_delay              = 10
  load_balancing_algorithm_type     = "round_robin"
  load_balancing_cross_zone_enabled = "use_load_balancer_configuration"
  health_check {
    enabled             = true
    interval            = 20 + var.release
    timeout             = 5
    path                = "/health"
    matcher             = "200-299"
    healthy_threshold   = 3
    unhealthy_threshold = 4
    port                = "traffic-port"
    protocol            = "HTTP"
  }
  stickiness {
    type            = "lb_cookie"
    enabled         = false
    cookie_duration = 600
  }
  tags = local.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_target_group" "function" {
  target_type                        = "lambda"
  lambda_multi_value_headers_enabled = local.even
  tags                               = local.tags
}

resource "aws_lb_target_group_attachment" "ip" {
  target_group_arn = aws_lb_target_group.ip.arn
  target_id        = "10.1.0.50"
  port             = 8081
}

resource "aws_lb_listener" "a" {
  load_balancer_arn = aws_lb.a.arn
  port              = local.even ? 81 : 80
  protocol          = "HTTP"
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "release ${var.release}"
      status_code  = "404"
    }
  }
  tags = local.tags
}

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.a.arn
  port              = 8080
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "forward" {
  listener_arn = aws_lb_listener.a.arn
  priority     = 20 - var.release # the others get the numbers after the highest, or from 1 on
  action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.ip.arn
        weight = 80
      }
      target_group {
        arn    = aws_lb_target_group.function.arn
        weight = local.even ? 20 : 10
      }
    }
  }
  condition {
    path_pattern {
      values = ["/static/*"]
    }
  }
  condition {
    host_header {
      values = ["example.com"]
    }
  }
  tags = local.tags
}

resource "aws_lb_listener_rule" "all" {
  listener_arn = aws_lb_listener.a.arn
  action {
    type = "redirect"
    redirect {
      host        = "example.com"
      status_code = "HTTP_302"
    }
  }
  condition {
    http_header {
      http_header_name = "X-Colour"
      values           = ["blue*"]
    }
  }
  condition {
    http_request_method {
      values = ["GET"]
    }
  }
  condition {
    query_string {
      key   = "q"
      value = "blue"
    }
    query_string {
      value = "green"
    }
  }
  condition {
    source_ip {
      values = ["10.0.0.0/8"]
    }
  }
}

data "aws_lb" "a" {
  arn = aws_lb.a.arn
}

data "aws_lbs" "all" {
  depends_on = [aws_lb.a]
}

data "aws_lb_listener" "a" {
  arn = aws_lb_listener.a.arn
}

data "aws_lb_listener_rule" "a" {
  arn = aws_lb_listener_rule.forward.arn
}

data "aws_lb_target_group" "ip" {
  arn = aws_lb_target_group.ip.arn
}
