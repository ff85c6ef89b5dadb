package main

import (
	"time"

	"trellis/internal/access"
	ec2api "trellis/internal/api/ec2"
	logsapi "trellis/internal/api/logs"
	"trellis/internal/aws"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/logs"
	"trellis/internal/state"
)

// services lists the AWS APIs there are.
func services(view *state.View, control *access.Control, plane *dataPlane) []aws.Service {
	return []aws.Service{
		{Model: logs.Model, API: logsapi.New(view, plane.journal)},
		{Model: ec2.Model, API: ec2api.New(view, time.Now)},
	}
}
