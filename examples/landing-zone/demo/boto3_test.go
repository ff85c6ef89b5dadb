package main

import (
	"strings"
	"testing"
)

// TestPrivilegedBoto3Example has the program of examples/boto3 find a VPC and a service network that are there, and take them away with
// the rest. What its README says is run in test.
func TestPrivilegedBoto3Example(t *testing.T) {
	tried(t, func(e example) {
		run := func(want string, args ...string) string {
			t.Helper()
			return e.says(want, "python", append([]string{"-B", "../../boto3/zone.py"}, args...)...)
		}
		asBefore := e.nothingLeft()
		vpc, network := e.made()
		made := run("up: 125 done", "up")
		for _, there := range []string{"made vpc SharedServicesMainVpc", "made service network blue-service-network"} {
			if strings.Contains(made, there) {
				t.Errorf("it %s though it was there", there)
			}
		}
		e.holds(vpc, network)
		e.meddles()
		run("up: 1 done", "up")
		run("", "down")
		asBefore()
	})
}
