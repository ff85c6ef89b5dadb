data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = local.even ? ["lambda.amazonaws.com", "ec2.amazonaws.com"] : ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "release${var.release}"
    actions   = ["ec2:Describe*"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "a" {
  name                  = "types-${var.generation}"
  path                  = "/types/"
  description           = "release ${var.release}"
  max_session_duration  = 3600 + var.release
  force_detach_policies = true
  permissions_boundary  = local.even ? null : aws_iam_policy.boundary.arn
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  tags                  = local.tags
}

resource "aws_iam_role_policy" "a" {
  name   = "types"
  role   = aws_iam_role.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy" "a" {
  name        = "types-${var.generation}"
  description = "of the types"
  policy      = data.aws_iam_policy_document.read.json
  tags        = local.tags
}

resource "aws_iam_policy" "boundary" {
  name = "types-boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "a" {
  role       = aws_iam_role.a.name
  policy_arn = aws_iam_policy.a.arn
}

resource "aws_iam_user" "a" {
  name          = "types-${var.generation}"
  path          = "/types/"
  force_destroy = true
  tags          = local.tags
}

resource "aws_iam_user_policy" "a" {
  name   = "types"
  user   = aws_iam_user.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "a" {
  user       = aws_iam_user.a.name
  policy_arn = aws_iam_policy.a.arn
}

resource "aws_iam_access_key" "a" {
  user   = aws_iam_user.a.name
  status = local.even ? "Inactive" : "Active"
}

resource "aws_iam_group" "a" {
  name = "types-${var.generation}"
  path = "/types/"
}

resource "aws_iam_group_policy" "a" {
  name   = "types"
  group  = aws_iam_group.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "a" {
  group      = aws_iam_group.a.name
  policy_arn = aws_iam_policy.a.arn
}

resource "aws_iam_user_group_membership" "a" {
  user   = aws_iam_user.a.name
  groups = [aws_iam_group.a.name]
}

resource "aws_iam_instance_profile" "a" {
  name = "types-${var.generation}"
  role = aws_iam_role.a.name
  tags = local.tags
}

resource "aws_iam_account_alias" "a" {
  account_alias = "types-${var.generation}"
}

resource "aws_iam_service_linked_role" "a" {
  aws_service_name = "vpc-lattice.amazonaws.com"
  description      = "release ${var.release}"
}

resource "aws_iam_user" "b" {
  name = "types-${var.generation}-b"
}

resource "aws_iam_group" "b" {
  name = "types-${var.generation}-b"
}

resource "aws_iam_group_membership" "b" {
  name  = "types"
  group = aws_iam_group.b.name
  users = local.even ? [aws_iam_user.a.name, aws_iam_user.b.name] : [aws_iam_user.b.name]
}

resource "aws_iam_policy" "b" {
  name   = "types-members"
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy_attachment" "b" {
  name       = "types-${var.generation}"
  policy_arn = aws_iam_policy.b.arn
  users      = [aws_iam_user.b.name]
  groups     = local.even ? [aws_iam_group.b.name] : []
}

# What there is of a second release, for the types that say what else there may not be.
resource "aws_iam_role_policy" "even" {
  count  = local.even ? 1 : 0
  name   = "even"
  role   = aws_iam_role.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "even" {
  count      = local.even ? 1 : 0
  role       = aws_iam_role.a.name
  policy_arn = aws_iam_policy.boundary.arn
}

resource "aws_iam_user_policy" "even" {
  count  = local.even ? 1 : 0
  name   = "even"
  user   = aws_iam_user.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "even" {
  count      = local.even ? 1 : 0
  user       = aws_iam_user.a.name
  policy_arn = aws_iam_policy.boundary.arn
}

resource "aws_iam_group_policy" "even" {
  count  = local.even ? 1 : 0
  name   = "even"
  group  = aws_iam_group.a.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "even" {
  count      = local.even ? 1 : 0
  group      = aws_iam_group.a.name
  policy_arn = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policies_exclusive" "a" {
  role_name    = aws_iam_role.a.name
  policy_names = concat([aws_iam_role_policy.a.name], aws_iam_role_policy.even[*].name)
}

resource "aws_iam_role_policy_attachments_exclusive" "a" {
  role_name   = aws_iam_role.a.name
  policy_arns = concat([aws_iam_role_policy_attachment.a.policy_arn], aws_iam_role_policy_attachment.even[*].policy_arn)
}

resource "aws_iam_user_policies_exclusive" "a" {
  user_name    = aws_iam_user.a.name
  policy_names = concat([aws_iam_user_policy.a.name], aws_iam_user_policy.even[*].name)
}

resource "aws_iam_user_policy_attachments_exclusive" "a" {
  user_name   = aws_iam_user.a.name
  policy_arns = concat([aws_iam_user_policy_attachment.a.policy_arn], aws_iam_user_policy_attachment.even[*].policy_arn)
}

resource "aws_iam_group_policies_exclusive" "a" {
  group_name   = aws_iam_group.a.name
  policy_names = concat([aws_iam_group_policy.a.name], aws_iam_group_policy.even[*].name)
}

resource "aws_iam_group_policy_attachments_exclusive" "a" {
  group_name  = aws_iam_group.a.name
  policy_arns = concat([aws_iam_group_policy_attachment.a.policy_arn], aws_iam_group_policy_attachment.even[*].policy_arn)
}

data "aws_iam_policy" "a" {
  arn = aws_iam_policy.a.arn
}

data "aws_iam_role" "a" {
  name = aws_iam_role.a.name
}

data "aws_iam_roles" "all" {
  path_prefix = aws_iam_role.a.path
}

data "aws_iam_user" "a" {
  user_name = aws_iam_user.a.name
}

data "aws_iam_users" "all" {
  depends_on = [aws_iam_user.a]
}

data "aws_iam_group" "a" {
  group_name = aws_iam_group.a.name
}

data "aws_iam_instance_profile" "a" {
  name = aws_iam_instance_profile.a.name
}

data "aws_iam_session_context" "this" {
  arn = data.aws_caller_identity.this.arn
}

resource "aws_ram_resource_share" "a" {
  name                      = "types-${var.release}"
  allow_external_principals = local.even
  tags                      = local.tags
}

resource "aws_ram_principal_association" "a" {
  resource_share_arn = aws_ram_resource_share.a.arn
  principal          = data.aws_caller_identity.other.account_id
}

resource "aws_ram_resource_association" "a" {
  resource_share_arn = aws_ram_resource_share.a.arn
  resource_arn       = aws_vpclattice_service.a.arn
}

data "aws_ram_resource_share" "a" {
  name           = aws_ram_resource_share.a.name
  resource_owner = "SELF"
}

# One for an account of another organization, which is asked.
resource "aws_ram_resource_share" "lone" {
  name                      = "types-lone-${var.generation}"
  allow_external_principals = true
}

resource "aws_ram_resource_association" "lone" {
  resource_share_arn = aws_ram_resource_share.lone.arn
  resource_arn       = aws_vpclattice_service_network.a.arn
}

resource "aws_ram_principal_association" "lone" {
  resource_share_arn = aws_ram_resource_share.lone.arn
  principal          = data.aws_caller_identity.lone.account_id
}

resource "aws_ram_resource_share_accepter" "lone" {
  provider  = aws.lone
  share_arn = aws_ram_principal_association.lone.resource_share_arn
}
