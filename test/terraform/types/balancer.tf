# What else there is of load balancing is in balancers.

resource "aws_lb_target_group" "function" {
  target_type                        = "lambda"
  lambda_multi_value_headers_enabled = local.even
  tags                               = local.tags
}

data "aws_lb_hosted_zone_id" "this" {}
