package main

import (
	"context"
	"time"

	"trellis/internal/access"
	cloudcontrolapi "trellis/internal/api/cloudcontrol"
	ec2api "trellis/internal/api/ec2"
	elbapi "trellis/internal/api/elbv2"
	iamapi "trellis/internal/api/iam"
	lambdaapi "trellis/internal/api/lambda"
	logsapi "trellis/internal/api/logs"
	organizationsapi "trellis/internal/api/organizations"
	ramapi "trellis/internal/api/ram"
	stsapi "trellis/internal/api/sts"
	latticeapi "trellis/internal/api/vpclattice"
	"trellis/internal/aws"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/state"
)

// services lists the AWS APIs there are. What changes VPCs, Lattice or functions waits for rebuilt: it may depend on whether
// something is real.
func services(view *state.View, control *access.Control, plane *dataPlane, lattice *latticeapi.API, requests *cloudcontrolapi.API, rebuilt func(context.Context) error) []aws.Service {
	return []aws.Service{
		{Model: sts.Model, API: stsapi.New(control)},
		{Model: iam.Model, API: iamapi.New(view, time.Now)},
		{Model: organizations.Model, API: organizationsapi.New(view, time.Now)},
		{Model: ram.Model, API: ramapi.New(view, time.Now)},
		{Model: ec2.Model, API: ec2api.New(view, time.Now), Ready: rebuilt},
		{Model: elbv2.Model, API: elbapi.New(view, time.Now), Ready: rebuilt},
		{Model: vpclattice.Model, API: lattice, Ready: rebuilt},
		{Model: lambda.Model, API: lambdaapi.New(view, lambdaPorts(control, plane)), Ready: rebuilt},
		{Model: cloudcontrol.Model, API: requests},
		{Model: logs.Model, API: logsapi.New(view, plane.journal)},
	}
}
