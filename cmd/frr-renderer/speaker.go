package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// The variables of MetalLB's speaker, whose manifests set them.
const (
	nodeVariable      = "METALLB_NODE_NAME"
	podVariable       = "METALLB_POD_NAME"
	namespaceVariable = "METALLB_NAMESPACE"
)

// namespaceFile is where a pod finds its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// addSpeaker adds what MetalLB's speaker calls by other names.
func (f *runFlags) addSpeaker(c *cobra.Command) {
	c.Flags().StringVar(&f.podName, "pod-name", "", "name of the pod that this is, which owns what is written about it ("+podVariable+")")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "node-name" {
			name = "node"
		}
		return pflag.NormalizedName(name)
	})
	c.PreRun = func(c *cobra.Command, _ []string) { f.readVariables(c, os.Getenv, namespaceFile) }
}

// readVariables takes from the environment what no flag has said.
func (f *runFlags) readVariables(c *cobra.Command, environment func(string) string, namespaceFile string) {
	from := func(flag, variable string, into *string) {
		if value := environment(variable); value != "" && !c.Flags().Changed(flag) {
			*into = value
		}
	}
	from("node", nodeVariable, &f.objects.node)
	from("pod-name", podVariable, &f.podName)
	from("namespace", namespaceVariable, &f.objects.options.Namespace)
	if c.Flags().Changed("namespace") || environment(namespaceVariable) != "" || f.kubeconfig != "" || len(f.objects.paths) > 0 {
		return
	}
	if own, err := os.ReadFile(namespaceFile); err == nil {
		f.objects.options.Namespace = cmp.Or(strings.TrimSpace(string(own)), snapshot.DefaultNamespace)
	}
}

// watch calls back with each result of a source until ctx ends.
type watch func(ctx context.Context, board *agent.Board, log *slog.Logger, changed func(source.Result)) error

// source is the manifests of -f, or else the API server.
func (f *runFlags) source(metrics *status.Metrics) (watch, error) {
	if f.objects.node == "" {
		return nil, fmt.Errorf("--node is missing: name the node to configure, here or in %s", nodeVariable)
	}
	if err := f.objects.checkNamespace("--namespace (or " + namespaceVariable + ")"); err != nil {
		return nil, err
	}
	options := source.Options{Namespace: f.objects.options.Namespace}
	if len(f.objects.paths) > 0 {
		return func(ctx context.Context, _ *agent.Board, log *slog.Logger, changed func(source.Result)) error {
			return source.Watch(ctx, f.objects.paths, options, log, changed)
		}, nil
	}
	config, err := apiServer(f.kubeconfig)
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return nil, errors.New("there is nothing to read: name manifests with -f, or an API server with --kubeconfig (this is no pod, which would know its own)")
	case err != nil && f.kubeconfig != "":
		return nil, failed(fmt.Errorf("read --kubeconfig: %w", err))
	case err != nil:
		return nil, failed(fmt.Errorf("use the API server of this pod: %w", err))
	}
	config.Wrap(metrics.CountRequests)
	return func(ctx context.Context, board *agent.Board, log *slog.Logger, changed func(source.Result)) error {
		health := source.NewHealth(time.Now)
		board.Follow(health)
		return source.WatchCluster(ctx, source.ClusterOptions{
			Options: options, Config: config, Node: f.objects.node, LoadBalancerClass: f.objects.options.LoadBalancerClass, Health: health,
			GDC: f.gdc.on,
		}, log, changed)
	}, nil
}

// logLevel reads --log-level, with the words of MetalLB's speaker.
func logLevel(word string) (slog.Level, error) {
	switch word {
	case "all", "debug":
		return slog.LevelDebug, nil
	case "none":
		return slog.LevelError + 1, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(word)); err != nil {
		return 0, fmt.Errorf("--log-level %q is unknown; write all, debug, info, warn, error or none", word)
	}
	return level, nil
}
