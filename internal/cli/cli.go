package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// Root returns the command "trellis" with everything but serve.
func Root(version string) *cobra.Command {
	c := &client{}
	root := &cobra.Command{
		Use:           "trellis",
		Short:         "VPC Lattice on your own machines",
		Long:          "Trellis speaks the AWS APIs that a VPC Lattice landing zone is made with, and makes what they describe happen:\npackets through network namespaces, functions that run, auth policies that decide.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&c.dir, "data", DefaultData(), "data directory of the server")
	root.AddCommand(c.accounts(), c.exec(), c.why(), c.status(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "trellis", version) },
	})
	return root
}

type account struct {
	Account   string `json:"account"`
	Name      string `json:"name,omitempty"`
	AccessKey string `json:"access_key,omitempty"`
	SecretKey string `json:"secret_key,omitempty"`
	Profile   string `json:"profile,omitempty"`
}

func (c *client) accounts() *cobra.Command {
	accounts := &cobra.Command{Use: "accounts", Short: "Make and list AWS accounts", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("say \"accounts create\" or \"accounts list\"")
		}}
	var id, email string
	var asJSON bool
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a standalone account, as signing up does, and print its root user's access key",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out account
			in := map[string]string{"Name": args[0], "ID": id, "Email": email}
			if err := c.ask(cmd.Context(), "POST", "/accounts", in, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "account:    %s\naccess_key: %s\nsecret_key: %s\nprofile:    %s\n", out.Account, out.AccessKey, out.SecretKey, out.Profile)
			return nil
		},
	}
	create.Flags().StringVar(&id, "id", "", "12-digit account id (default: a random one)")
	create.Flags().StringVar(&email, "email", "", "email address of the account")
	create.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	list := &cobra.Command{
		Use: "list", Short: "List the accounts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out []account
			if err := c.ask(cmd.Context(), "GET", "/accounts", nil, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tNAME\tPROFILE")
			for _, a := range out {
				fmt.Fprintf(w, "%s\t%s\t%s\n", a.Account, a.Name, a.Profile)
			}
			return w.Flush()
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	accounts.AddCommand(create, list)
	return accounts
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

type explanation struct {
	RequestID string   `json:"request_id"`
	Verdict   string   `json:"verdict"`
	Details   []string `json:"details,omitempty"`
}

func (c *client) why() *cobra.Command {
	var vpc, subnet, to string
	var groups []string
	var asJSON bool
	why := &cobra.Command{
		Use:   "why [REQUEST-ID]",
		Short: "Explain what decided a request, or what a connection would meet",
		Long: "With a request id, the x-amzn-requestid of an answer, why tells which layer, statement and condition decided the request.\n" +
			"With --to, it follows a connection from a subnet and names the route table, security group or missing association that ends it.",
		Example: "  trellis why 3f6c6a0e-5d0b-4c59-9d3a-0f4f8b5f2f11\n  trellis why --subnet subnet-0123456789abcdef0 --to 10.0.8.4:80",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			switch {
			case len(args) == 1 && to == "":
				path = "/requests/" + url.PathEscape(args[0])
			case len(args) == 0 && to != "" && (subnet != "" || vpc != ""):
				path = "/trace?" + url.Values{"vpc": {vpc}, "subnet": {subnet}, "to": {to}, "group": groups}.Encode()
			default:
				return fmt.Errorf("name either a request id, or --to HOST:PORT with --subnet or --vpc")
			}
			var out explanation
			if err := c.ask(cmd.Context(), "GET", path, nil, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			fmt.Fprintln(cmd.OutOrStdout(), out.Verdict)
			for _, d := range out.Details {
				fmt.Fprintln(cmd.OutOrStdout(), "  "+d)
			}
			return nil
		},
	}
	why.Flags().StringVar(&to, "to", "", "HOST:PORT that the connection goes to; the host is a name or an address")
	placeFlags(why, &vpc, &subnet, &groups)
	why.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return why
}

func placeFlags(cmd *cobra.Command, vpc, subnet *string, groups *[]string) {
	cmd.Flags().StringVar(vpc, "vpc", "", "VPC to be in; its first subnet unless one is named")
	cmd.Flags().StringVar(subnet, "subnet", "", "subnet to be in")
	cmd.Flags().StringArrayVar(groups, "security-group", nil, "security group to carry, may be repeated (default: the VPC's default group)")
}

func (c *client) status() *cobra.Command {
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "Show what the server does and whether it is well", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			if err := c.ask(cmd.Context(), "GET", "/status", nil, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var s struct {
				Version      string            `json:"version"`
				Endpoint     string            `json:"endpoint"`
				Region       string            `json:"region"`
				DataPlane    bool              `json:"data_plane"`
				DataPlaneWhy string            `json:"data_plane_why"`
				Revision     int64             `json:"revision"`
				Applied      int64             `json:"applied"`
				Resources    map[string]int    `json:"resources"`
				Failures     map[string]string `json:"failures"`
				Profiles     string            `json:"profiles"`
			}
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "version\t%s\nendpoint\t%s\nregion\t%s\nprofiles\t%s\n", s.Version, s.Endpoint, s.Region, s.Profiles)
			if s.DataPlane {
				fmt.Fprintf(w, "data plane\trunning, revision %d of %d applied\n", s.Applied, s.Revision)
			} else {
				fmt.Fprintf(w, "data plane\toff: %s\n", s.DataPlaneWhy)
			}
			for _, k := range slices.Sorted(maps.Keys(s.Resources)) {
				fmt.Fprintf(w, "  %s\t%d\n", k, s.Resources[k])
			}
			for _, k := range slices.Sorted(maps.Keys(s.Failures)) {
				fmt.Fprintf(w, "failed\t%s: %s\n", k, s.Failures[k])
			}
			return w.Flush()
		},
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return status
}
