variable "username" { type = string }
variable "account" { type = string }
variable "lambdas" { type = string }
variable "api_type" { type = string }

locals {
  region = "us-east-1"
  rest   = var.api_type == "REST" ? 1 : 0
  http   = var.api_type == "HTTP" ? 1 : 0
  functions = {
    process-data      = { role = "worker", timeout = 30, memory = 128 }
    send-notification = { role = "worker", timeout = 30, memory = 128 }
    trigger-workflow  = { role = "trigger", timeout = 25, memory = 256 }
  }
  machine_arn = "arn:aws:states:${local.region}:${var.account}:stateMachine:${var.username}-simple-workflow"
  function_arns = {
    for name, _ in local.functions :
    name => "arn:aws:lambda:${local.region}:${var.account}:function:${var.username}-${name}"
  }
  services = { worker = "lambda", trigger = "lambda", workflow = "states" }
  policies = {
    worker = [{
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = [
        "${aws_cloudwatch_log_group.functions["process-data"].arn}:*",
        "${aws_cloudwatch_log_group.functions["send-notification"].arn}:*",
      ]
    }]
    trigger = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.functions["trigger-workflow"].arn}:*"]
      },
      { Effect = "Allow", Action = ["states:StartExecution"], Resource = [local.machine_arn] },
    ]
    workflow = [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [local.function_arns["process-data"], local.function_arns["send-notification"]]
    }]
  }
}

resource "aws_cloudwatch_log_group" "functions" {
  for_each          = local.functions
  name              = "/aws/lambda/${var.username}-${each.key}"
  retention_in_days = 7
}

resource "aws_iam_role" "roles" {
  for_each = local.services
  name     = "${var.username}-${each.key}-role"
  path     = "/homeroom/terraform/"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "${each.value}.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
    }]
  })
}

resource "aws_iam_role_policy" "roles" {
  for_each = local.services
  name     = "homeroom"
  role     = aws_iam_role.roles[each.key].name
  policy   = jsonencode({ Version = "2012-10-17", Statement = local.policies[each.key] })
}

resource "aws_lambda_function" "functions" {
  for_each         = local.functions
  function_name    = "${var.username}-${each.key}"
  role             = aws_iam_role.roles[each.value.role].arn
  runtime          = "python3.13"
  handler          = "lambda_function.lambda_handler"
  filename         = "${var.lambdas}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.lambdas}/${each.key}.zip")
  timeout          = each.value.timeout
  memory_size      = each.value.memory

  environment {
    variables = { LOG_LEVEL = "INFO", STATE_MACHINE_ARN = local.machine_arn }
  }

  depends_on = [aws_cloudwatch_log_group.functions, aws_iam_role_policy.roles]
}

resource "aws_sfn_state_machine" "workflow" {
  name     = "${var.username}-simple-workflow"
  role_arn = aws_iam_role.roles["workflow"].arn
  definition = jsonencode({
    StartAt = "ProcessData"
    States = {
      ProcessData      = { Type = "Task", Resource = local.function_arns["process-data"], Next = "SendNotification" }
      SendNotification = { Type = "Task", Resource = local.function_arns["send-notification"], End = true }
    }
  })

  depends_on = [aws_iam_role_policy.roles, aws_lambda_function.functions]
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.functions["trigger-workflow"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${one(concat(aws_api_gateway_rest_api.workflow[*].execution_arn, aws_apigatewayv2_api.workflow[*].execution_arn))}/*/POST/process"
}

resource "aws_api_gateway_rest_api" "workflow" {
  count = local.rest
  name  = "${var.username}-workflow-api"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "process" {
  count       = local.rest
  rest_api_id = aws_api_gateway_rest_api.workflow[0].id
  parent_id   = aws_api_gateway_rest_api.workflow[0].root_resource_id
  path_part   = "process"
}

resource "aws_api_gateway_method" "process" {
  count         = local.rest
  rest_api_id   = aws_api_gateway_rest_api.workflow[0].id
  resource_id   = aws_api_gateway_resource.process[0].id
  http_method   = "POST"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "process" {
  count                   = local.rest
  rest_api_id             = aws_api_gateway_rest_api.workflow[0].id
  resource_id             = aws_api_gateway_resource.process[0].id
  http_method             = aws_api_gateway_method.process[0].http_method
  integration_http_method = "POST"
  type                    = "AWS_PROXY"
  uri                     = aws_lambda_function.functions["trigger-workflow"].invoke_arn
}

resource "aws_api_gateway_deployment" "workflow" {
  count       = local.rest
  rest_api_id = aws_api_gateway_rest_api.workflow[0].id
  depends_on  = [aws_api_gateway_integration.process]
}

resource "aws_api_gateway_stage" "prod" {
  count         = local.rest
  rest_api_id   = aws_api_gateway_rest_api.workflow[0].id
  deployment_id = aws_api_gateway_deployment.workflow[0].id
  stage_name    = "prod"
}

resource "aws_apigatewayv2_api" "workflow" {
  count         = local.http
  name          = "${var.username}-workflow-api"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "process" {
  count                  = local.http
  api_id                 = aws_apigatewayv2_api.workflow[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.functions["trigger-workflow"].arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "process" {
  count     = local.http
  api_id    = aws_apigatewayv2_api.workflow[0].id
  route_key = "POST /process"
  target    = "integrations/${aws_apigatewayv2_integration.process[0].id}"
}

resource "aws_apigatewayv2_stage" "default" {
  count       = local.http
  api_id      = aws_apigatewayv2_api.workflow[0].id
  name        = "$default"
  auto_deploy = true
}
