// Package zone looks at a landing zone, whoever brought it up: it makes the accounts it is in, asks what each request of
// the demo's table comes to, and lists what its accounts have. Its state is the server's.
package zone

import (
	"context"
	"fmt"

	"landing-zone/demo/inventory"
	"landing-zone/demo/server"
)

// Zone is a landing zone on a server.
type Zone struct {
	Server server.CLI
	// Profiles is the AWS config file with a profile for each account.
	Profiles string
	// Probe is the program that asks and answers from inside a subnet.
	Probe string
}

// Members are the accounts of the landing zone but the organization's own.
func Members() []string { return []string{"shared-services", "blue", "green"} }

// Inventory is what every account of the zone lists.
func (z Zone) Inventory(ctx context.Context) (map[string]inventory.Inventory, error) {
	all := map[string]inventory.Inventory{}
	for _, name := range Members() {
		config, err := z.Config(ctx, name)
		if err != nil {
			return nil, err
		}
		if all[name], err = inventory.Take(ctx, config); err != nil {
			return nil, fmt.Errorf("inventory of %s: %w", name, err)
		}
	}
	return all, nil
}

// Differences says in lines what the accounts list after and did not before, or the other way round; asked is how many
// calls the answers are of.
func Differences(before, after map[string]inventory.Inventory) (lines []string, asked int) {
	for _, name := range Members() {
		asked += len(before[name])
		for _, line := range inventory.Differences(before[name], after[name]) {
			lines = append(lines, name+": "+line)
		}
	}
	return lines, asked
}
