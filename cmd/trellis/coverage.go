package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"trellis/internal/access"
	cloudcontrolapi "trellis/internal/api/cloudcontrol"
	latticeapi "trellis/internal/api/vpclattice"
	"trellis/internal/aws"
)

// coverageCommand prints which operations of each API are served, for the page that says so.
func coverageCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "coverage",
		Short:  "Print as JSON which operations of each API are served",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Only the methods of the APIs count here: none is called.
			var lattice *latticeapi.API
			var requests *cloudcontrolapi.API
			var control *access.Control
			return json.NewEncoder(cmd.OutOrStdout()).Encode(aws.Covered(services(nil, control, &dataPlane{}, lattice, requests, nil)))
		},
	}
}
