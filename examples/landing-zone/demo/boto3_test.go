package main

import (
	"strings"
	"testing"
)

// TestPrivilegedBoto3Example runs the program of examples/boto3: up with a VPC and a service network that are there, again without a
// change, another stage, another name and back, what another hand took away, the 17 requests, down and down again.
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
		run("up: nothing done", "up")
		run("up: 9 done", "up", "--stage", "test")
		run("up: 11 done", "up", "--stage", "test", "--service", "directory-service")
		run("up: 11 done", "up", "--stage", "test")
		e.meddles()
		run("up: 1 done", "up", "--stage", "test")
		e.holds(vpc, network)
		e.table()
		run("", "down")
		run("down: nothing done", "down")
		asBefore()
	})
}
