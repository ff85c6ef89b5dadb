resource "aws_organizations_organization" "a" {
  provider                      = aws.lone
  feature_set                   = "ALL"
  aws_service_access_principals = local.even ? ["ram.amazonaws.com", "iam.amazonaws.com"] : ["ram.amazonaws.com"]
  enabled_policy_types          = ["SERVICE_CONTROL_POLICY"]
}

resource "aws_ram_sharing_with_organization" "a" {
  provider   = aws.lone
  depends_on = [aws_organizations_organization.a]
}

resource "aws_organizations_organizational_unit" "a" {
  provider  = aws.lone
  name      = "types ${var.release}"
  parent_id = aws_organizations_organization.a.roots[0].id
  tags      = local.tags
}

resource "aws_organizations_account" "a" {
  provider  = aws.lone
  name      = "types"
  email     = "types@example.com"
  parent_id = local.even ? aws_organizations_organization.a.roots[0].id : aws_organizations_organizational_unit.a.id
  tags      = local.tags
}

resource "aws_organizations_policy" "a" {
  provider = aws.lone
  name     = "types"
  type     = "SERVICE_CONTROL_POLICY"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "release${var.release}", Effect = "Deny", Action = "ec2:DeleteVpc", Resource = "*" }]
  })
  tags       = local.tags
  depends_on = [aws_organizations_organization.a]
}

resource "aws_organizations_policy_attachment" "a" {
  provider  = aws.lone
  policy_id = aws_organizations_policy.a.id
  target_id = aws_organizations_organizational_unit.a.id
}

resource "aws_organizations_delegated_administrator" "a" {
  provider          = aws.lone
  account_id        = aws_organizations_account.a.id
  service_principal = aws_ram_sharing_with_organization.a.id == "" ? "" : "ram.amazonaws.com"
}

data "aws_organizations_organization" "a" {
  provider   = aws.lone
  depends_on = [aws_organizations_organization.a]
}

data "aws_organizations_organizational_units" "a" {
  provider  = aws.lone
  parent_id = aws_organizations_organization.a.roots[0].id
}

data "aws_organizations_policies" "a" {
  provider   = aws.lone
  filter     = "SERVICE_CONTROL_POLICY"
  depends_on = [aws_organizations_policy.a]
}
