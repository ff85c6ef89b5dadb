# DirectoryService: a function in the app subnets of the main VPC, behind a private load balancer.

locals {
  directory = "DirectoryServiceFunction"
}

resource "aws_lb" "directory" {
  provider                   = aws.shared
  name                       = "DirectoryServiceLb"
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.shared["MainLambdaAlbSecurityGroup"].id]
  subnets                    = values(module.main.subnet_ids["App"])
  enable_deletion_protection = false
  tags                       = { Name = "DirectoryServiceLb" }
}

resource "aws_lb_target_group" "directory" {
  provider    = aws.shared
  name        = "DirectoryServiceTg"
  target_type = "lambda"
  tags        = { Name = "DirectoryServiceTg" }
}

resource "aws_lb_listener" "directory" {
  provider          = aws.shared
  load_balancer_arn = aws_lb.directory.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.directory.arn
  }
}

data "aws_iam_policy" "lambda_vpc" {
  provider = aws.shared
  name     = "AWSLambdaVPCAccessExecutionRole"
}

resource "aws_iam_role" "directory" {
  provider = aws.shared
  name     = "DirectoryServiceExecutionRole"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Sid       = ""
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
  tags = { Name = "DirectoryServiceExecutionRole" }
}

resource "aws_iam_role_policy_attachment" "directory" {
  provider   = aws.shared
  role       = aws_iam_role.directory.name
  policy_arn = data.aws_iam_policy.lambda_vpc.arn
}

resource "aws_lambda_layer_version" "directory" {
  provider            = aws.shared
  layer_name          = "lambda_layer"
  filename            = "${var.functions}/directory_app_layer.zip"
  source_code_hash    = filebase64sha256("${var.functions}/directory_app_layer.zip")
  compatible_runtimes = ["provided.al2023"]
}

resource "aws_lambda_function" "directory" {
  provider         = aws.shared
  function_name    = local.directory
  role             = aws_iam_role.directory.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = "${var.functions}/directory_app.zip"
  source_code_hash = filebase64sha256("${var.functions}/directory_app.zip")
  layers           = [aws_lambda_layer_version.directory.arn]
  vpc_config {
    security_group_ids = [aws_security_group.shared["MainLambdaFuncSecurityGroup"].id]
    subnet_ids         = values(module.main.subnet_ids["App"])
  }
  replace_security_groups_on_destroy = true
  tags                               = { Name = local.directory }
  depends_on                         = [aws_cloudwatch_log_group.directory, aws_iam_role_policy_attachment.directory]
}

# Of its own accord a function's log group outlives it; this one goes with the rest.
resource "aws_cloudwatch_log_group" "directory" {
  provider = aws.shared
  name     = "/aws/lambda/${local.directory}"
}

resource "aws_lambda_permission" "directory" {
  provider      = aws.shared
  statement_id  = "AlbFunctionPermission"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.directory.function_name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.directory.arn
}

resource "aws_lb_target_group_attachment" "directory" {
  provider         = aws.shared
  target_group_arn = aws_lb_target_group.directory.arn
  target_id        = aws_lambda_function.directory.arn
  depends_on       = [aws_lambda_permission.directory]
}

variable "functions" {
  description = "Directory of the functions' archives, which make zone builds."
  type        = string
  default     = "../landing-zone/build"
}
