// Command c-green-service is the green-service stack as a Pulumi program.
package main

import (
	"landing-zone/stacks/client"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(client.Green().Program())
}
