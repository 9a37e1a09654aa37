package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

func newValidate() *cobra.Command {
	var objects objectFlags
	var vty vtyFlags
	var output string
	c := &cobra.Command{
		Use:   "validate {-f PATH... | --kubeconfig FILE}",
		Short: "Say what is wrong with the objects, on any node",
		Long: `Check the objects for every Node among them (or for one node without labels, where there is none), and print each problem once:

  error|warning KIND.GROUP NAMESPACE/NAME FIELD: MESSAGE (REASON)

An error leaves the object, or its change, out; a warning does not. GDC's objects are checked as a manager checks them.

Exit code: 0, 3 when an object would be left out, 1 when a path can't be read, 2 for wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			inJSON, err := asJSON(output)
			if err != nil {
				return err
			}
			read, err := objects.read(c.Context())
			if err != nil {
				return err
			}
			nodes := snapshot.Nodes(read.Objects)
			if len(nodes) == 0 {
				nodes = []string{"node"}
			}
			problems := read.Problems
			for _, node := range nodes {
				result, err := objects.translateNode(c.Context(), read, node, &vty)
				if err != nil {
					return failed(err)
				}
				problems = append(problems, result.Problems...)
			}
			problems = problem.Sort(problems)
			if inJSON {
				err = printJSON(c.OutOrStdout(), append([]problem.Problem{}, problems...))
			} else {
				printProblems(c.OutOrStdout(), problems)
				if len(problems) == 0 {
					fmt.Fprintf(c.ErrOrStderr(), "no problems (%d nodes)\n", len(nodes))
				}
			}
			if err != nil {
				return failed(err)
			}
			return rejected(problems)
		},
	}
	objects.add(c)
	objects.addKubeconfig(c)
	c.Flags().StringVar(&vty.path, "vtysh-path", "vtysh", "the vtysh binary, to check bgpextras with where it is installed")
	addOutput(c, &output)
	return c
}
