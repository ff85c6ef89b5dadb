// Command b-blue-service is the blue-service stack as a Pulumi program.
package main

import (
	"landing-zone/stacks/client"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(client.Blue().Program())
}
