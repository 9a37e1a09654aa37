package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/manager"
)

// sourceFlags say from where a manager copies.
type sourceFlags struct{ kubeconfig, namespace string }

func (f *sourceFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.kubeconfig, "source-kubeconfig", "", "file that says how to reach the API server of the admin cluster; empty: nothing is copied")
	c.Flags().StringVar(&f.namespace, "source-namespace", "", "namespace of the cluster's objects, there and here; empty: that of the file's current context")
}

// read says what to copy from; nil: nothing.
func (f *sourceFlags) read(log *slog.Logger) (*manager.Source, error) {
	if f.kubeconfig == "" {
		if f.namespace != "" {
			return nil, errors.New("--source-namespace is that of the objects to copy: name the admin cluster's API server with --source-kubeconfig")
		}
		return nil, nil
	}
	config, err := follow(f.kubeconfig, log)
	if err != nil {
		return nil, failed(fmt.Errorf("read --source-kubeconfig: %w", err))
	}
	namespace := f.namespace
	if namespace == "" {
		if namespace, err = contextNamespace(f.kubeconfig); err != nil {
			return nil, failed(fmt.Errorf("read --source-kubeconfig: %w", err))
		}
	}
	if namespace == "" {
		return nil, fmt.Errorf("it is not known which objects to copy: name their namespace with --source-namespace, or in the current context of --source-kubeconfig %s", f.kubeconfig)
	}
	if err := checkNamespace("--source-namespace (or that of the current context of "+f.kubeconfig+")", namespace); err != nil {
		return nil, err
	}
	config.Wrap(kubewatch.Impatient)
	return &manager.Source{Config: config, Namespace: namespace}, nil
}

// contextNamespace is that of the current context of a file that can be read.
func contextNamespace(path string) (string, error) {
	file, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return "", unreadableKubeconfig(path, err)
	}
	if c := file.Contexts[file.CurrentContext]; c != nil {
		return c.Namespace, nil
	}
	return "", nil
}
