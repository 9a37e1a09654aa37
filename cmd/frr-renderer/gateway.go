package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/hostnet"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/role"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// gatewayFlags say whether a node has a part in GDC mode, and how.
type gatewayFlags struct {
	on             bool
	iface          string
	leaseNamespace string
}

func (f *gatewayFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.on, "gdc", false, "GDC mode, too: announce Services by NetworkGatewayGroup, BGPLoadBalancer and BGPPeer of networking.gke.io, "+
		"and hold floating IPs; bgpd has to be started with -p 1790")
	c.Flags().StringVar(&f.iface, "gdc-interface", "lo", "interface that floating IPs are put on, at most 7 characters, without IPv6 link-local address")
	c.Flags().StringVar(&f.leaseNamespace, "lease-namespace", "",
		"namespace of the Lease by which frr-renderer manager knows that this node lives, which is the manager's; empty: that of --namespace")
}

// check finds what can't be meant.
func (f *gatewayFlags) check(c *cobra.Command) error {
	if f.on {
		return nil
	}
	for _, name := range []string{"gdc-interface", "lease-namespace"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s is for GDC mode; give --gdc, too, or leave it out", name)
		}
	}
	return nil
}

// gateway returns the node's part in GDC mode, nil without --gdc, and what runs it until its context ends.
func (f *runFlags) gateway(board *agent.Board, metrics *status.Metrics, denials *status.Denials, log *slog.Logger) (agent.Gateway, func(context.Context), error) {
	if !f.gdc.on {
		return nil, func(context.Context) {}, nil
	}
	host, err := hostnet.Open(hostnet.Config{Interface: f.gdc.iface})
	if err != nil {
		return nil, nil, fmt.Errorf("use --gdc-interface %s: %w", f.gdc.iface, err)
	}
	client, err := f.vty.client() // of its own: an apply that takes its time is no dead bgpd
	if err != nil {
		return nil, nil, err
	}
	alone := len(f.objects.paths) > 0
	config := role.Config{
		Node: f.objects.node, Options: f.objects.options, Alone: alone, Host: host, BGPD: observe.NewWatcher(client, time.Now), Log: log,
		Call: func(ctx context.Context, neighbors []string) { reload.CallWaiting(ctx, client, neighbors) },
	}
	tell, lease := func(context.Context) {}, func() *status.GatewayLease { return nil }
	var part *role.Role
	if !alone {
		writer, err := f.nodeReport(metrics, denials, log, func(l nodereport.Renewal) { part.Renewed(l) })
		if err != nil {
			return nil, nil, fmt.Errorf("use the API server: %w", err)
		}
		config.Report, tell = writer.Tell, writer.Run
		lease = func() *status.GatewayLease { return seenLease(writer.Lease()) }
	}
	part = role.New(config)
	board.Gateway(func() *status.Gateway {
		seen := part.See()
		seen.Lease = lease()
		return seen
	})
	return part, func(ctx context.Context) {
		var both sync.WaitGroup
		both.Go(func() { part.Run(ctx) })
		both.Go(func() { tell(ctx) })
		both.Wait()
		_, _ = client.Close(), host.Close()
	}, nil
}

// nodeReport returns who tells the API server of the node's part.
func (f *runFlags) nodeReport(metrics *status.Metrics, denials *status.Denials, log *slog.Logger, renewed func(nodereport.Renewal)) (*nodereport.Writer, error) {
	api, err := apiServer(f.kubeconfig)
	if err != nil {
		return nil, err
	}
	api.Wrap(metrics.CountRequests)
	return nodereport.New(nodereport.Config{
		API: api, Node: f.objects.node, Namespace: cmp.Or(f.gdc.leaseNamespace, f.objects.options.Namespace), Renewed: renewed, Denials: denials, Log: log,
	})
}

// seenLease is in the words of reports.
func seenLease(l nodereport.Lease) *status.GatewayLease {
	out := &status.GatewayLease{Wanted: l.Wanted, Until: l.Until, Renewals: l.Renewed, Failures: l.Failed, Error: l.Error}
	if !l.Until.IsZero() {
		out.Renewed = l.Until.Add(-nodereport.Term)
	}
	return out
}
