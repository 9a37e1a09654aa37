package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/klog/v2"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// requestTimeout is how long an API server may take to answer.
const requestTimeout = 15 * time.Second

// announce returns who writes Events until ctx ends; nil where there is no API server.
func announce(ctx context.Context, kubeconfig, node string, metrics *status.Metrics, denials *status.Denials, log *slog.Logger) (agent.Announcer, error) {
	config, err := apiServer(kubeconfig)
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		log.Info("there is no API server to write Events to: logs, /status and metrics tell what is held back")
		return nil, nil
	case err != nil && kubeconfig == "":
		log.Warn("the API server of this pod can't be used: Events are not written", "error", err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read --kubeconfig: %w", err)
	}
	config.Timeout = requestTimeout
	config.Wrap(metrics.CountRequests)
	config.Wrap(denials.Watch)
	client, err := eventsclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	klog.SetSlogLogger(log)
	return status.NewAnnouncer(ctx, node, client, log)
}

// apiServer says how to reach it, and under what name it knows this program.
func apiServer(kubeconfig string) (*rest.Config, error) {
	config, err := reachAPIServer(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent = "frr-renderer/" + version
	return config, nil
}

// reachAPIServer reaches it as the file says, or as a pod does.
func reachAPIServer(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return renewing(rest.InClusterConfig())
	}
	return renewing(readKubeconfig(kubeconfig))
}

// renewing has the file of a token read again as soon as the API server does not know the one that is used, rather than within a minute.
func renewing(config *rest.Config, err error) (*rest.Config, error) {
	if err == nil && config.BearerTokenFile != "" {
		source := transport.NewCachedFileTokenSource(config.BearerTokenFile)
		config.BearerToken, config.BearerTokenFile = "", ""
		config.Wrap(transport.ResettableTokenSourceWrapTransport(source))
	}
	return config, err
}
