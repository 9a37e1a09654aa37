package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// objectFlags say which objects are read, and for which node.
type objectFlags struct {
	paths      []string
	kubeconfig string
	node       string
	templates  string
	output     string
	options    snapshot.Options

	// assignment is made once for all nodes.
	assigned   bool
	assignment *gateway.Assignment
}

func (f *objectFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.paths, "filename", "f", nil, "file or directory of manifests (recursive; *.yaml, *.yml, *.json); may be given several times")
	c.Flags().StringVar(&f.options.Namespace, "namespace", snapshot.DefaultNamespace, "namespace of the metallb.io objects")
	c.Flags().StringVar(&f.options.LoadBalancerClass, "lb-class", "", "announce Services of this loadBalancerClass; empty: those without one")
	c.Flags().BoolVar(&f.options.IgnoreExcludeLabel, "ignore-exclude-lb", false,
		"announce from nodes labelled node.kubernetes.io/exclude-from-external-load-balancers too")
}

// addKubeconfig lets a command read an API server in place of manifests, once.
func (f *objectFlags) addKubeconfig(c *cobra.Command) {
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "read the API server that this file reaches, in place of -f")
	c.PreRunE = func(*cobra.Command, []string) error { return f.check(c.Flags().Lookup("node")) }
}

// check finds what is missing, or can't be meant, in the words of the flags. node is nil where a command has no such flag.
func (f *objectFlags) check(node *pflag.Flag) error {
	switch {
	case len(f.paths) > 0 && f.kubeconfig != "":
		return errors.New("-f and --kubeconfig exclude each other: leave one out")
	case len(f.paths) == 0 && f.kubeconfig == "":
		return errors.New("there is nothing to read: name manifests with -f, or an API server with --kubeconfig")
	case node != nil && needed(node) && f.node == "":
		return errors.New("--node is missing: name the node to configure")
	}
	return f.checkNamespace("--namespace")
}

func (f *objectFlags) checkNamespace(from string) error {
	return checkNamespace(from, f.options.Namespace)
}

// checkNamespace says the rule in words: Kubernetes' own error is a regular expression.
func checkNamespace(from, name string) error {
	if len(validation.IsDNS1123Label(name)) > 0 {
		return fmt.Errorf("%s %q can't be a namespace's name: write 1 to 63 lower-case letters, digits and dashes, with no dash at either end", from, name)
	}
	return nil
}

// neededFlag marks --node where a command is of one node.
const neededFlag = "frr-renderer-needed"

func needed(flag *pflag.Flag) bool { return flag.Annotations[neededFlag] != nil }

func (f *objectFlags) addNode(c *cobra.Command) {
	c.Flags().StringVar(&f.node, "node", "", "name of the node to configure")
	_ = c.Flags().SetAnnotation("node", neededFlag, []string{"true"})
}

func (f *objectFlags) addTemplates(c *cobra.Command) {
	c.Flags().StringVar(&f.templates, "templates", "", "directory of templates that replace the product's by file name")
}

func addOutput(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "text", "text or json")
}

// asJSON reads -o.
func asJSON(output string) (bool, error) {
	switch output {
	case "text", "":
		return false, nil
	case "json":
		return true, nil
	}
	return false, fmt.Errorf("-o %q is unknown; write text or json", output)
}

// overlay is the directory of --templates, nil without one.
func (f *objectFlags) overlay() fs.FS {
	if f.templates == "" {
		return nil
	}
	return os.DirFS(f.templates)
}

// read reads the manifests, or the API server: GDC's kinds, too, where they are served.
func (f *objectFlags) read(ctx context.Context) (source.Result, error) {
	options := source.Options{Namespace: f.options.Namespace}
	if f.kubeconfig == "" {
		result, err := source.Read(f.paths, options)
		if err != nil {
			return result, failed(err)
		}
		return result, nil
	}
	config, err := apiServer(f.kubeconfig)
	if err != nil {
		return source.Result{}, failed(fmt.Errorf("read --kubeconfig: %w", err))
	}
	result, err := source.ReadCluster(ctx, source.ClusterOptions{Options: options, Config: config, GDC: servesGDC(config)})
	if err != nil {
		return result, failed(err)
	}
	return result, nil
}

// servesGDC tells whether an API server has floating IPs to tell of. One that does not answer is told of by whoever reads it.
func servesGDC(config *rest.Config) bool {
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return false
	}
	served, err := client.ServerResourcesForGroupVersion(networking.GroupVersion.String())
	return err == nil && slices.ContainsFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == "networkgatewaygroups" })
}

// vtyFlags say how FRR is reached.
type vtyFlags struct {
	dir  string
	mode string
	path string
}

func (f *vtyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "vty-dir", "/run/frr", "directory of FRR's .vty sockets")
	c.Flags().StringVar(&f.mode, "vtysh", "auto", "how to talk to FRR: auto, socket (the .vty sockets only) or exec (the vtysh binary only)")
	c.Flags().StringVar(&f.path, "vtysh-path", "vtysh", "the vtysh binary")
}

// client returns what --vtysh asks for.
func (f *vtyFlags) client() (vtysh.Client, error) {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("--vty-dir %s is no directory", f.dir)
	}
	switch f.mode {
	case "auto":
		return vtysh.NewAuto(vtysh.NewSocket(dir), f.exec()), nil
	case "socket":
		return vtysh.NewSocket(dir), nil
	case "exec":
		return f.exec(), nil
	}
	return nil, fmt.Errorf("--vtysh %q is unknown; write auto, socket or exec", f.mode)
}

func (f *vtyFlags) exec() *vtysh.Exec {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		dir = f.dir
	}
	return vtysh.NewExec(dir, f.path)
}

// rendered is what the manifests come to on one node, without any history.
type rendered struct {
	document render.Document
	problems []problem.Problem
}

// renderNode reads, translates and renders. Extras are checked by FRR's own parser where there is one.
func (f *objectFlags) renderNode(ctx context.Context, vty *vtyFlags) (rendered, error) {
	read, err := f.read(ctx)
	if err != nil {
		return rendered{}, err
	}
	if f.templates != "" {
		if _, err := os.ReadDir(f.templates); err != nil {
			return rendered{}, failed(fmt.Errorf("read --templates: %w", err))
		}
	}
	renderer, err := render.New(f.overlay())
	if err != nil {
		return rendered{}, failed(err)
	}
	result, err := f.translateNode(ctx, read, f.node, vty)
	if err != nil {
		return rendered{}, failed(err)
	}
	document, err := renderer.Render(result.Config)
	if err != nil {
		return rendered{}, failed(err)
	}
	return rendered{document, problem.Sort(append(read.Problems, result.Problems...))}, nil
}

func (f *objectFlags) translateNode(ctx context.Context, read source.Result, node string, vty *vtyFlags) (translate.Result, error) {
	snap, err := snapshot.New(read.Objects, node, f.options)
	if err != nil {
		return translate.Result{}, err
	}
	snap.Gateway = f.assign(read)
	if snap.Extras.Text != "" {
		var syntax *vtysh.SyntaxError
		switch err := vty.exec().CheckSyntax(ctx, snap.Extras.Text); {
		case asSyntax(err, &syntax):
			snap.Extras.Refused = syntax.Error()
		case err != nil:
			// Without FRR at hand its parser can't be asked; say so, and check what can be checked.
			result := translate.Translate(snap, translate.LastGood{})
			result.Problems = append(result.Problems, problem.Problem{
				Severity: problem.Warning, Reason: problem.ExtrasRefused, Field: "data[extras]",
				Object:  problem.Object{Kind: "ConfigMap", Namespace: snap.Namespace, Name: snap.Extras.Name},
				Message: "FRR's parser was not asked whether it takes it: " + err.Error(),
			})
			return result, nil
		}
	}
	return translate.Translate(snap, translate.LastGood{}), nil
}

// assign decides who does what in GDC mode, as a manager would; nil where no object asks for that mode. Floating IPs stay where their group's status
// has them.
func (f *objectFlags) assign(read source.Result) *gateway.Assignment {
	if f.assigned {
		return f.assignment
	}
	f.assigned = true
	if in, ok := f.gatewayInput(read); ok {
		assignment := gateway.Assign(in)
		f.assignment = &assignment
	}
	return f.assignment
}

// gatewayInput is what a manager would decide on; false where no object asks for GDC mode.
func (f *objectFlags) gatewayInput(read source.Result) (gateway.Input, bool) {
	options := f.options
	options.Unread, options.Incomplete = read.Unread, read.Incomplete
	in, ok := snapshot.GatewayInput(read.Objects, options)
	in.AssumeSubnets = f.kubeconfig == ""
	return in, ok
}

func asSyntax(err error, target **vtysh.SyntaxError) bool {
	e, ok := err.(*vtysh.SyntaxError)
	*target = e
	return ok
}

// rejected is the exit code for problems.
func rejected(problems []problem.Problem) error {
	if problem.AnyError(problems) {
		return exit(exitRejected)
	}
	return nil
}

func printProblems(w io.Writer, problems []problem.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w, p)
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
