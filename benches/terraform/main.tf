# The stack that homeroom deploys for Lab 6, once a student, as an instructor would write it for Terraform. Measured
# beside homeroom by benches/terraform.rs; nothing else uses it.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 6.0"
    }
  }
}

variable "endpoint" {
  description = "The one endpoint of every service (http://127.0.0.1:PORT)."
  type        = string
}

variable "students" {
  description = "How many stacks."
  type        = number
}

variable "lambdas" {
  description = "Folder with one zip a function."
  type        = string
}

variable "api_type" {
  description = "REST or HTTP."
  type        = string
}

# The access key comes from the environment: every embedded cloud has one of its own.
provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    apigateway   = var.endpoint
    apigatewayv2 = var.endpoint
    iam          = var.endpoint
    lambda       = var.endpoint
    logs         = var.endpoint
    sfn          = var.endpoint
    sts          = var.endpoint
  }
}

data "aws_caller_identity" "current" {}

module "stack" {
  source   = "./stack"
  for_each = toset([for n in range(1, var.students + 1) : "user${n}"])

  username = each.key
  account  = data.aws_caller_identity.current.account_id
  lambdas  = var.lambdas
  api_type = var.api_type
}
