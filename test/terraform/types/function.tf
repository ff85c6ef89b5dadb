resource "aws_lambda_function" "a" {
  function_name                  = "types-${var.generation}"
  role                           = aws_iam_role.a.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  filename                       = "${var.functions}/client_app.zip"
  source_code_hash               = filebase64sha256("${var.functions}/client_app.zip")
  description                    = "release ${var.release}"
  memory_size                    = 128 + var.release
  timeout                        = 3 + var.release
  publish                        = true
  layers                         = [aws_lambda_layer_version.a.arn]
  reserved_concurrent_executions = local.even ? 5 : 4
  environment {
    variables = { BLUE_ENDPOINT = "http://release-${var.release}.example.com/" }
  }
  ephemeral_storage {
    size = 512
  }
  tracing_config {
    mode = "PassThrough"
  }
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.a.name
  }
  tags = local.tags
}

resource "aws_lambda_alias" "a" {
  name             = "live"
  description      = "release ${var.release}"
  function_name    = aws_lambda_function.a.function_name
  function_version = aws_lambda_function.a.version
}

resource "aws_lambda_permission" "a" {
  statement_id  = "types"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.a.function_name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.function.arn
}

resource "aws_lambda_permission" "alias" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.a.function_name
  qualifier     = aws_lambda_alias.a.name
  principal     = "arn:aws:iam::${data.aws_caller_identity.other.account_id}:root"
}

resource "aws_lambda_layer_version" "a" {
  layer_name          = "types-${var.generation}"
  filename            = "${var.functions}/directory_app_layer.zip"
  source_code_hash    = filebase64sha256("${var.functions}/directory_app_layer.zip")
  description         = "of the types"
  license_info        = "Apache-2.0"
  compatible_runtimes = ["provided.al2023", "python3.12"]
}

resource "aws_lambda_layer_version_permission" "a" {
  layer_name     = aws_lambda_layer_version.a.layer_arn
  version_number = aws_lambda_layer_version.a.version
  statement_id   = "types"
  action         = "lambda:GetLayerVersion"
  principal      = data.aws_caller_identity.other.account_id
}

resource "aws_lambda_function_event_invoke_config" "a" {
  function_name                = aws_lambda_function.a.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = var.release % 3
}

resource "aws_lambda_function_recursion_config" "a" {
  function_name  = aws_lambda_function.a.function_name
  recursive_loop = local.even ? "Terminate" : "Allow"
}

resource "aws_lambda_runtime_management_config" "a" {
  function_name     = aws_lambda_function.a.function_name
  qualifier         = "$LATEST"
  update_runtime_on = "Auto"
}

data "aws_lambda_function" "a" {
  function_name = aws_lambda_function.a.function_name
}

data "aws_lambda_functions" "all" {
  depends_on = [aws_lambda_function.a]
}

data "aws_lambda_alias" "a" {
  function_name = aws_lambda_function.a.function_name
  name          = aws_lambda_alias.a.name
}

data "aws_lambda_layer_version" "a" {
  layer_name = aws_lambda_layer_version.a.layer_name
}

resource "aws_cloudwatch_log_group" "a" {
  name              = "/types/function-${var.generation}"
  retention_in_days = local.even ? 7 : 14
  tags              = local.tags
}

resource "aws_cloudwatch_log_group" "lattice" {
  count = 2
  name  = "/types/lattice-${count.index}"
}

resource "aws_cloudwatch_log_stream" "a" {
  name           = "types"
  log_group_name = aws_cloudwatch_log_group.a.name
}

data "aws_cloudwatch_log_group" "a" {
  name = aws_cloudwatch_log_group.a.name
}

data "aws_cloudwatch_log_groups" "all" {
  log_group_name_prefix = aws_cloudwatch_log_group.lattice[0].name
}
