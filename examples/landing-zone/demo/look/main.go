// Command look looks at a landing zone that some tool brought up on a running server: `look accounts` makes the accounts
// and the organization it is in, `look table` makes the requests of the demo's table, and `look inventory` lists what the
// accounts have. It holds no state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"landing-zone/demo/inventory"
	"landing-zone/demo/server"
	"landing-zone/demo/zone"
)

const usage = `usage: look [flags] accounts          make the accounts and their organization
       look [flags] table             make the requests of the table
       look [flags] inventory         print as JSON what the accounts list
       look [flags] since FILE        print what they list differently from such an inventory`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "look:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("look", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(flags.Output(), usage); flags.PrintDefaults() }
	trellis := flags.String("trellis", "trellis", "the server's program")
	data := flags.String("data", "", "the server's data directory (default: the one that trellis takes)")
	profiles := flags.String("aws-config", os.Getenv("AWS_CONFIG_FILE"), "AWS config file with the accounts' profiles")
	probe := flags.String("probe", "", "program to run inside subnets (default: probe, beside this program)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profiles == "" {
		return errors.New("AWS_CONFIG_FILE is not set, nor -aws-config")
	}
	if *probe == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		*probe = filepath.Join(filepath.Dir(self), "probe")
	}
	z := zone.Zone{Server: server.CLI{Program: *trellis, Data: *data}, Profiles: *profiles, Probe: *probe}
	switch verb, rest := flags.Arg(0), max(0, flags.NArg()-1); {
	case verb == "accounts" && rest == 0:
		_, err := z.Accounts(ctx, out)
		return err
	case verb == "table" && rest == 0:
		return table(ctx, z, out)
	case verb == "inventory" && rest == 0:
		all, err := z.Inventory(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(all)
	case verb == "since" && rest == 1:
		return since(ctx, z, flags.Arg(1), out)
	}
	return errors.New(usage)
}

// table fails where a request did not go as expected.
func table(ctx context.Context, z zone.Zone, out io.Writer) error {
	rows, err := z.Table(ctx)
	if err != nil {
		return err
	}
	zone.Print(out, rows)
	expected := 0
	for _, r := range rows {
		if r.AsExpected {
			expected++
		}
	}
	fmt.Fprintf(out, "%d of %d as expected\n", expected, len(rows))
	if expected < len(rows) {
		return fmt.Errorf("%d requests did not go as expected", len(rows)-expected)
	}
	return nil
}

// since fails where anything is there that was not, or the other way round.
func since(ctx context.Context, z zone.Zone, file string, out io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before map[string]inventory.Inventory
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("%s is no inventory: %w", file, err)
	}
	after, err := z.Inventory(ctx)
	if err != nil {
		return err
	}
	lines, asked := zone.Differences(before, after)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "%d List and Describe calls of %d accounts, %d differences\n", asked, len(before), len(lines))
	if len(lines) > 0 {
		return fmt.Errorf("%d things are not as they were", len(lines))
	}
	return nil
}
