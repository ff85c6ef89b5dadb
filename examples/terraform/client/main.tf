# A team's account: a VPC in the service network that is shared with it, and a function in it that asks the shared service.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "colour" {
  description = "What names begin with; in lower case it is what the function asks for."
  type        = string
}

variable "cidr" {
  type = string
}

variable "network" {
  description = "ARN of the service network."
  type        = string
}

variable "endpoint" {
  description = "DNS name of the shared service."
  type        = string
}

variable "functions" {
  type = string
}

locals {
  name = "${var.colour}Function"
  # Those of the Lattice association and of the function. Both let everything in and out.
  groups = {
    "${var.colour}SecurityGroup"           = "${var.colour} Lattice Security Group"
    "${var.colour}LambdaFuncSecurityGroup" = "Lambda Security Group"
  }
}

module "network" {
  source = "../network"
  name   = "${var.colour}SandboxVpc"
  cidr   = var.cidr
  prefix = "${var.colour}Sandbox"
  tiers = {
    Pub = [cidrsubnet(var.cidr, 2, 0), cidrsubnet(var.cidr, 2, 1)]
    App = [cidrsubnet(var.cidr, 2, 2), cidrsubnet(var.cidr, 2, 3)]
  }
}

resource "aws_security_group" "this" {
  for_each    = local.groups
  description = each.value
  vpc_id      = module.network.vpc_id
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
  tags = { Name = "${each.key}-${module.network.region}" }
  # Another one is there before this one goes: what is in use cannot go.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpclattice_service_network_vpc_association" "this" {
  service_network_identifier = var.network
  vpc_identifier             = module.network.vpc_id
  security_group_ids         = [aws_security_group.this["${var.colour}SecurityGroup"].id]
}

data "aws_iam_policy" "lambda_vpc" {
  name = "AWSLambdaVPCAccessExecutionRole"
}

resource "aws_iam_role" "this" {
  name = "${var.colour}LambdaExecutionRole"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Sid       = ""
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
  tags = { Name = "${var.colour}LambdaExecutionRole" }
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = data.aws_iam_policy.lambda_vpc.arn
}

resource "aws_lambda_function" "this" {
  function_name    = local.name
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = "${var.functions}/client_app.zip"
  source_code_hash = filebase64sha256("${var.functions}/client_app.zip")
  vpc_config {
    security_group_ids = [aws_security_group.this["${var.colour}LambdaFuncSecurityGroup"].id]
    subnet_ids         = values(module.network.subnet_ids["App"])
  }
  replace_security_groups_on_destroy = true
  environment {
    variables = {
      "${upper(var.colour)}_ENDPOINT" = "http://${var.endpoint}/?q=${lower(var.colour)}"
    }
  }
  tags       = { Name = local.name }
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name = "/aws/lambda/${local.name}"
}
