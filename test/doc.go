// Package test holds the tests that use Trellis as its users do: real clients - the AWS SDK for Go, boto3, the AWS CLI, raw
// HTTP - and the trellis command line against a booted server, with programs that run inside its VPCs. It has no code of the
// product and keeps no state but that of the servers it starts.
package test
