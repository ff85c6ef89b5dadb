// Package terraform holds the tests that run Terraform, or OpenTofu, with the AWS provider as it is released: the landing
// zone of examples/terraform, and in types and balancers every other resource type that Trellis serves. They run where the
// program is in PATH and the provider in a directory that Terraform looks in, or in TF_PLUGIN_DIR; elsewhere they are
// skipped as NOT RUN. The state is that of the servers and directories they make.
package terraform
