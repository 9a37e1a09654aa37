package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newRender() *cobra.Command {
	var objects objectFlags
	var vty vtyFlags
	c := &cobra.Command{
		Use:   "render {-f PATH... | --kubeconfig FILE} --node NODE",
		Short: "Print the frr.conf of a node",
		Long: `Print the frr.conf of a node on standard output, and what is wrong with the objects on standard error.
It needs no FRR and no root. Passwords are printed as FRR needs them.

Where there are GDC's objects the node's part in GDC mode is in it, as "run --gdc" has it: floating IPs are where the status of their
NetworkGatewayGroup has them, and otherwise where a manager would put them that knows of no lease.

Exit code: 0, 3 when an object was left out, 1 when a path can't be read or the node is unknown, 2 for wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, err := objects.renderNode(c.Context(), &vty)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprint(c.OutOrStdout(), out.document.Text); err != nil {
				return failed(err)
			}
			printProblems(c.ErrOrStderr(), out.problems)
			return rejected(out.problems)
		},
	}
	objects.add(c)
	objects.addNode(c)
	objects.addTemplates(c)
	objects.addKubeconfig(c)
	c.Flags().StringVar(&vty.path, "vtysh-path", "vtysh", "the vtysh binary, to check bgpextras with where it is installed")
	return c
}
