// Command frr-renderer renders FRR's configuration from MetalLB's objects and brings a running FRR to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as the design's command-line contract has them.
const (
	exitFailed   = 1 // a path can't be read, the node is unknown, FRR can't be reached
	exitUsage    = 2
	exitRejected = 3 // at least one object was left out
	exitDiffers  = 4 // the plan is not empty
	exitHeld     = 5 // the plan would reset sessions, and was held back
)

// exitError ends the program with a code; the message is empty when all has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int) error { return &exitError{code: code} }

// failed is exit code 1 for an error that has no code of its own.
func failed(err error) error {
	var e *exitError
	if errors.As(err, &e) {
		return e
	}
	return &exitError{exitFailed, err}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main for tests: arguments and streams in, exit code out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var e *exitError
	if !errors.As(err, &e) {
		fmt.Fprintf(stderr, "frr-renderer: %v\nTry: %s --help\n", err, command.CommandPath())
		return exitUsage
	}
	if e.err != nil {
		fmt.Fprintf(stderr, "frr-renderer: %v\n", e.err)
	}
	return e.code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "frr-renderer",
		Short: "Render FRR's configuration from MetalLB's objects, and bring a running FRR to it",
		Long: `frr-renderer reads MetalLB's BGP objects (BGPPeer, IPAddressPool, BGPAdvertisement, Community, BFDProfile) with Services,
EndpointSlices, Nodes and Secrets, renders the frr.conf of one node, and brings a running FRR to it with the least disturbance. It reads
those of GDC's bundled load balancer, too (NetworkGatewayGroup, BGPLoadBalancer, BGPPeer, Cluster): floating IPs, and sessions that start from them.

  frr-renderer render -f DIR --node NODE    print frr.conf
  frr-renderer validate -f DIR              say what is wrong with the objects
  frr-renderer diff -f DIR --node NODE      show what would change in the running FRR, and what it would disturb
  frr-renderer explain service NS/NAME      say what is announced where, and why not
  frr-renderer run --node NODE              keep FRR at what the API server asks for, or -f DIR
  frr-renderer reload FILE                  bring the running FRR to any frr.conf
  frr-renderer status                       show sessions, last changes and problems
  frr-renderer manager                      decide for a whole cluster who holds which floating IP (GDC)`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRender(), newValidate(), newDiff(), newExplain(), newRun(), newManager(), newReload(), newStatus(), newInstall(), newBecome(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "frr-renderer", version)
			return err
		},
	})
	return root
}
