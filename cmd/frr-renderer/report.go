package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// reportFlags say what is written to the API server for people to see.
type reportFlags struct {
	serviceStatus    bool
	serviceStatusQPS float64
	eventsPerMinute  float64
}

func (f *reportFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.serviceStatus, "service-status", false,
		"write a ServiceBGPStatus for each Service that this node announces: 10,000 Services on 1,000 nodes are ten million objects, which an API server "+
			"does not hold; \"frr-renderer explain\" and metrics tell the same without any")
	c.Flags().Float64Var(&f.serviceStatusQPS, "service-status-qps", 5, "how many requests a second --service-status makes at most; the newest state wins")
	c.Flags().Float64Var(&f.eventsPerMinute, "events-per-minute", 12,
		"how many Events a minute are written about Services at most, and as many about other objects, after a burst of 30; what is beyond that is "+
			"counted in one Event about the node; 0: none at all")
}

func (f *reportFlags) check() error {
	if f.serviceStatusQPS <= 0 {
		return fmt.Errorf("--service-status-qps %v writes nothing; write more than 0, or leave --service-status out", f.serviceStatusQPS)
	}
	if f.eventsPerMinute < 0 {
		return fmt.Errorf("--events-per-minute %v is less than nothing; write 0 for no Events", f.eventsPerMinute)
	}
	return nil
}

// reporter returns who shows what became of the objects, and what it needs to run: only where the objects are those of an API server.
func (f *runFlags) reporter(metrics *status.Metrics, denials *status.Denials, log *slog.Logger) (agent.Reporter, func(context.Context), error) {
	if len(f.objects.paths) > 0 {
		return nil, func(context.Context) {}, nil
	}
	config, err := apiServer(f.kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("use the API server: %w", err)
	}
	config.Wrap(metrics.CountRequests)
	told := reload.NoFile
	if f.state != reload.NoFile {
		told = filepath.Join(filepath.Dir(f.state), "frr-renderer.told.json")
	}
	r, err := status.NewReporter(config, status.ReporterOptions{
		Node: f.objects.node, Namespace: f.objects.options.Namespace, Pod: f.podName, ServiceStatus: f.report.serviceStatus,
		ServiceStatusQPS: f.report.serviceStatusQPS, EventsPerMinute: f.report.eventsPerMinute, ToldFile: told, Log: log, Now: time.Now, Denials: denials,
	})
	if err != nil {
		return nil, nil, err
	}
	return r, r.Run, nil
}
