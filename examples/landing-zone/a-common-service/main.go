// Command a-common-service is the common-service stack as a Pulumi program.
package main

import (
	"landing-zone/stacks/common"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(common.Program)
}
