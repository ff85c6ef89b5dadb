# The teams' own accounts.

module "blue" {
  source    = "./client"
  providers = { aws = aws.blue }
  colour    = "Blue"
  cidr      = "10.100.0.0/16"
  network   = aws_ram_resource_association.team["Blue"].resource_arn
  endpoint  = aws_vpclattice_service.shared_service.dns_entry[0].domain_name
  functions = var.functions
}

module "green" {
  source    = "./client"
  providers = { aws = aws.green }
  colour    = "Green"
  cidr      = "10.200.0.0/16"
  network   = aws_ram_resource_association.team["Green"].resource_arn
  endpoint  = aws_vpclattice_service.shared_service.dns_entry[0].domain_name
  functions = var.functions
}
