package main

import (
	"context"
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

func newDiff() *cobra.Command {
	var objects objectFlags
	var vty vtyFlags
	var to, frrConf, output string
	c := &cobra.Command{
		Use:   "diff {-f PATH... | --kubeconfig FILE} --node NODE",
		Short: "Show what would change in the running FRR, and what it would disturb",
		Long: `Compare what the objects ask for with what FRR runs (or with a file), and print the commands that lead there, each with its effect:

  none      nothing but the line itself changes
  soft      routes are evaluated again and sent where they differ
  deferred  it takes effect when the session is established next
  reset     sessions go down; the line names them

Where there are GDC's objects, what the objects ask for is what they ask of "run --gdc". Nothing is changed.

Exit code: 0 when nothing differs, 4 when something does, 3 when an object was left out (3 beats 4), 1 when a path or
FRR can't be read, 2 for wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			inJSON, err := asJSON(output)
			if err != nil {
				return err
			}
			out, err := objects.renderNode(c.Context(), &vty)
			if err != nil {
				return err
			}
			plan, err := planAgainst(c.Context(), out.document, to, frrConf, &vty)
			if err != nil {
				return failed(err)
			}
			if inJSON {
				err = printJSON(c.OutOrStdout(), plan)
			} else {
				_, err = fmt.Fprint(c.OutOrStdout(), plan)
			}
			if err != nil {
				return failed(err)
			}
			printProblems(c.ErrOrStderr(), out.problems)
			if err := rejected(out.problems); err != nil {
				return err
			}
			if !plan.Empty() {
				return exit(exitDiffers)
			}
			return nil
		},
	}
	objects.add(c)
	objects.addNode(c)
	objects.addTemplates(c)
	objects.addKubeconfig(c)
	vty.add(c)
	c.Flags().StringVar(&to, "to", "", "compare with this file in place of the running FRR")
	c.Flags().StringVar(&frrConf, "frr-conf", "/etc/frr/frr.conf", "the document that was applied last, to know lines of bgpextras by; none: no file")
	addOutput(c, &output)
	return c
}

func planAgainst(ctx context.Context, document render.Document, file, frrConf string, vty *vtyFlags) (reload.Plan, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return reload.Plan{}, fmt.Errorf("read what to compare with: %w", err)
		}
		if err := encoding(text); err != nil {
			return reload.Plan{}, fmt.Errorf("%s %w", file, err)
		}
		if !utf8.Valid(text) {
			return reload.Plan{}, fmt.Errorf("%s is no text: it has bytes that are no UTF-8", file)
		}
		ran := agent.Whole(string(text))
		return reload.Diff(reload.Running{BGPD: ran, BFDD: ran, Others: map[vtysh.Daemon]string{vtysh.Zebra: ran}, Previous: ran}, document), nil
	}
	client, err := vty.client()
	if err != nil {
		return reload.Plan{}, &exitError{exitUsage, err}
	}
	defer client.Close()
	previous := ""
	if frrConf != reload.NoFile {
		if data, err := os.ReadFile(frrConf); err == nil {
			previous = string(data)
		}
	}
	if state, err := observe.Read(ctx, client); err == nil {
		document = agent.Waiting(document, state)
	}
	return reload.New(client, reload.Options{Previous: previous, Now: time.Now}).Plan(ctx, document)
}
