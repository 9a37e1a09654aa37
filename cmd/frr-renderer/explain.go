package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

// explainFlags say what is read, and which history a node has.
type explainFlags struct {
	objects objectFlags
	state   string
	output  string
	// cluster is what was decided in GDC mode; nil where no object asks for that.
	cluster *gateway.Explanation
}

func newExplain() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain",
		Short: "Say what is announced where, and which rule decided",
		Long: `Say why a Service is announced from a node to a BGPPeer or why it is not, and what to change. The answer is that of the program which
configures FRR: it translates the objects for each node in the same way, and notes the rules as they are asked.

A node that runs keeps the last good forms of objects that became invalid; --state-file takes them into account.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return fmt.Errorf("say what to explain: %[1]s service NAMESPACE/NAME, or %[1]s node NODE", c.CommandPath())
		},
	}
	c.AddCommand(newExplainService(), newExplainNode())
	return c
}

func newExplainService() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "service NAMESPACE/NAME {-f PATH... | --kubeconfig FILE}",
		Short: "Explain a Service: node by peer",
		Long: `For each Node (or one without labels, where there is none) and each BGPPeer: whether the Service is announced, with which attributes, by
which BGPAdvertisements, or which rule stopped it and what to change. The reasons are MetalLB's words where it has one. Nodes that give
the same answer stand in one row.

Where GDC's objects ask for it, also in GDC mode: for each address the pool that admits it, which nodes are its next hops and why others are
not, and what each session with a router tells of it: all next hops, or one and its reserve. Floating IPs are where the status of their
NetworkGatewayGroup has them, and otherwise where a manager would put them that knows of no lease.

Exit code: 0 when a peer gets the Service from a node; 4 when none does; 3 when none does and an object was left out; 1 when a path can't be
read, or the node or the Service is unknown; 2 for wrong usage.`,
		Args: one("name one Service, as NAMESPACE/NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			namespace, name, ok := strings.Cut(args[0], "/")
			switch {
			case !ok || namespace == "" || name == "" || strings.Contains(name, "/"):
				return fmt.Errorf("%q names no Service; write NAMESPACE/NAME", args[0])
			case f.state != "" && f.objects.node == "":
				return errors.New("--state-file is of one node; name it with --node")
			}
			return f.explainService(c, namespace, name)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.objects.node, "node", "", "explain this node only; empty: all nodes")
	return c
}

// one takes one argument.
func one(mend string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s; there are %d arguments", mend, len(args))
		}
		return nil
	}
}

func newExplainNode() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "node NODE {-f PATH... | --kubeconfig FILE}",
		Short: "Explain a node: its sessions, and its Services by reason",
		Long: `Which BGPPeers the node has a session to and why not, how many Services it announces or not, by reason, and what is wrong with the objects.

Where GDC's objects ask for it, also in GDC mode: whether traffic for Services comes to the node, which floating IPs it holds, could hold, or
can't hold and why, the sessions with routers that start from it, and its Services by reason.

Exit code: 0, 3 when an object was left out, 1 when a path can't be read or the node is unknown, 2 for wrong usage.`,
		Args: one("name one node"),
		RunE: func(c *cobra.Command, args []string) error {
			f.objects.node = args[0]
			return f.explainNode(c)
		},
	}
	f.add(c)
	return c
}

func (f *explainFlags) add(c *cobra.Command) {
	f.objects.add(c)
	f.objects.addKubeconfig(c)
	c.Flags().StringVar(&f.state, "state-file", "", "the node's last good objects, as run keeps them beside frr.conf; empty: none")
	addOutput(c, &f.output)
}

// serviceView is what explain service prints.
type serviceView struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Addresses and ExternalTrafficPolicy are the Service's.
	Addresses             []string `json:"addresses"`
	ExternalTrafficPolicy string   `json:"externalTrafficPolicy,omitempty"`
	Announced             bool     `json:"announced"`
	// AnyNode tells that there are no Nodes: the one in Nodes stands for any that has no labels.
	AnyNode bool `json:"anyNode,omitempty"`
	// Skipped says why no node looks at the Service, empty when they do; Why says what to change then.
	Skipped snapshot.Skip `json:"skipped,omitempty"`
	Why     string        `json:"why,omitempty"`
	// Nodes are what MetalLB's objects come to, GDC what GDC's do; nil: there are none.
	Nodes    []translate.ServiceAnswer `json:"nodes"`
	GDC      *gateway.ServiceAnswer    `json:"gdc,omitempty"`
	Problems []problem.Problem         `json:"problems"`

	// gdcAlone tells that no object of MetalLB's asks for anything.
	gdcAlone bool
}

func (f *explainFlags) explainService(c *cobra.Command, namespace, name string) error {
	inJSON, err := asJSON(f.output)
	if err != nil {
		return err
	}
	read, err := f.objects.read(c.Context())
	if err != nil {
		return err
	}
	service, err := findService(read.Objects.Services, namespace, name)
	if err != nil {
		return failed(err)
	}
	view, err := f.viewService(c.Context(), read, service)
	if err != nil {
		return failed(err)
	}
	if inJSON {
		err = printJSON(c.OutOrStdout(), view)
	} else {
		err = view.print(c.OutOrStdout())
	}
	switch {
	case err != nil:
		return failed(err)
	case view.Announced:
		return nil
	case problem.AnyError(view.Problems):
		return exit(exitRejected)
	}
	return exit(exitDiffers)
}

func (f *explainFlags) viewService(ctx context.Context, read source.Result, service *corev1.Service) (serviceView, error) {
	view := serviceView{
		Namespace: service.Namespace, Name: service.Name, Addresses: []string{}, ExternalTrafficPolicy: string(service.Spec.ExternalTrafficPolicy),
		Nodes: []translate.ServiceAnswer{}, Problems: []problem.Problem{},
	}
	for _, i := range service.Status.LoadBalancer.Ingress {
		view.Addresses = append(view.Addresses, i.IP+i.Hostname)
	}
	view.Skipped = f.objects.options.Skips(service)
	switch view.Skipped {
	case snapshot.NotLoadBalancer:
		view.Why = fmt.Sprintf("its type is %q; only Services of type LoadBalancer are announced", service.Spec.Type)
	case snapshot.OtherClass:
		view.Why = fmt.Sprintf("its loadBalancerClass is %q, and --lb-class is %q; they must be equal", text(service.Spec.LoadBalancerClass), f.objects.options.LoadBalancerClass)
	}
	if view.Skipped != "" {
		return view, nil
	}
	view.AnyNode = len(read.Objects.Nodes) == 0
	view.GDC = f.explainGDC(read, service)
	view.gdcAlone = view.GDC != nil && len(read.Objects.Peers)+len(read.Objects.Advertisements) == 0
	nodes := f.nodes(read)
	problems, noHop := make([][]problem.Problem, len(nodes)), make([]string, len(nodes))
	view.Nodes = make([]translate.ServiceAnswer, len(nodes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, node := range nodes {
		group.Go(func() error {
			e, err := f.explain(ctx, read, node)
			if err != nil {
				return err
			}
			view.Nodes[i], _ = e.Service(service.Namespace, service.Name)
			problems[i], noHop[i] = e.Problems, e.NoNextHop()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return serviceView{}, err
	}
	for i, why := range noHop {
		if why != "" && view.GDC != nil {
			view.GDC.But(nodes[i], why)
		}
	}
	view.Announced = slices.ContainsFunc(view.Nodes, func(a translate.ServiceAnswer) bool { return a.Announced() }) || view.GDC != nil && view.GDC.Told()
	for _, p := range problem.Sort(append(slices.Concat(problems...), read.Problems...)) {
		if p.Severity == problem.Error || ofGDC(p) || p.Object == (problem.Object{Kind: "Service", Namespace: service.Namespace, Name: service.Name}) {
			view.Problems = append(view.Problems, p)
		}
	}
	return view, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// nodes are those to explain.
func (f *explainFlags) nodes(read source.Result) []string {
	if f.objects.node != "" {
		return []string{f.objects.node}
	}
	if nodes := snapshot.Nodes(read.Objects); len(nodes) > 0 {
		return nodes
	}
	return []string{"node"}
}

// explain translates for one node.
func (f *explainFlags) explain(ctx context.Context, read source.Result, node string) (*translate.Explanation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	options, lastGood := f.objects.options, translate.LastGood{}
	if f.state != "" {
		data, err := os.ReadFile(f.state)
		if err != nil {
			return nil, fmt.Errorf("read --state-file: %w", err)
		}
		if lastGood, err = translate.DecodeLastGood(data); err != nil {
			return nil, fmt.Errorf("read --state-file %s: %w", f.state, err)
		}
		options.Unread, options.Incomplete = read.Unread, read.Incomplete
	}
	snap, err := snapshot.New(read.Objects, node, options)
	if err != nil {
		return nil, err
	}
	if f.cluster != nil {
		snap.Gateway = &f.cluster.Assignment
	}
	return translate.Explain(snap, lastGood), nil
}

// decide decides for the cluster in GDC mode, once for all nodes.
func (f *explainFlags) decide(read source.Result) {
	if in, ok := f.objects.gatewayInput(read); ok {
		f.cluster = gateway.Explain(in)
	}
}

// explainGDC is what becomes of a Service in GDC mode; nil where no object asks for that.
func (f *explainFlags) explainGDC(read source.Result, service *corev1.Service) *gateway.ServiceAnswer {
	f.decide(read)
	if f.cluster == nil {
		return nil
	}
	out, known := f.cluster.Service(service.Namespace, service.Name)
	if !known {
		return nil
	}
	if f.objects.node != "" {
		for i := range out.Addresses {
			a := &out.Addresses[i]
			a.Nodes = slices.DeleteFunc(a.Nodes, func(h gateway.HopAnswer) bool { return h.Node != f.objects.node })
		}
	}
	return &out
}

// ofGDC tells of a problem with one of GDC's objects.
func ofGDC(p problem.Problem) bool {
	return p.Object.Group == networking.GroupVersion.Group || p.Object.Group == baremetal.GroupVersion.Group
}

// nodeView is what explain node prints.
type nodeView struct {
	Node     string                        `json:"node"`
	Sessions []translate.Session           `json:"sessions"`
	Services map[translate.Reason][]string `json:"services"`
	GDC      *gateway.NodeAnswer           `json:"gdc,omitempty"`
	Problems []problem.Problem             `json:"problems"`

	gdcAlone bool
	// noNode tells that there is no Node, without which nothing can be said of GDC mode.
	noNode bool
}

func (f *explainFlags) explainNode(c *cobra.Command) error {
	inJSON, err := asJSON(f.output)
	if err != nil {
		return err
	}
	read, err := f.objects.read(c.Context())
	if err != nil {
		return err
	}
	f.decide(read)
	e, err := f.explain(c.Context(), read, f.objects.node)
	if err != nil {
		return failed(err)
	}
	view := nodeView{
		Node: f.objects.node, Sessions: append([]translate.Session{}, e.Sessions()...), Services: e.Counts(),
		Problems: append([]problem.Problem{}, problem.Sort(append(slices.Clone(read.Problems), e.Problems...))...),
	}
	if f.cluster != nil {
		answer, known := f.cluster.Node(f.objects.node)
		view.noNode, view.gdcAlone = !known, len(read.Objects.Peers)+len(read.Objects.Advertisements) == 0
		if known {
			view.GDC = &answer
			if why := e.NoNextHop(); why != "" {
				answer.But(why)
			}
		}
	}
	if inJSON {
		err = printJSON(c.OutOrStdout(), view)
	} else {
		err = view.print(c.OutOrStdout())
	}
	if err != nil {
		return failed(err)
	}
	return rejected(view.Problems)
}

// findService returns the Service; the error names those with a name that is near.
func findService(services []*corev1.Service, namespace, name string) (*corev1.Service, error) {
	type near struct {
		name  string
		apart int
	}
	var others []near
	for _, s := range services {
		if s.Namespace == namespace && s.Name == name {
			return s, nil
		}
		apart := problem.Distance(s.Name, name)
		if s.Namespace != namespace {
			apart++
		}
		if apart <= max(2, len(name)/3) || len(name) > 2 && strings.Contains(s.Name, name) {
			others = append(others, near{s.Namespace + "/" + s.Name, apart})
		}
	}
	if len(others) == 0 {
		return nil, fmt.Errorf("Service %s/%s is not among the objects (%d Services), nor any with a name like it", namespace, name, len(services))
	}
	slices.SortStableFunc(others, func(a, b near) int { return a.apart - b.apart })
	var names []string
	for _, o := range others[:min(len(others), 5)] {
		names = append(names, o.name)
	}
	return nil, fmt.Errorf("Service %s/%s is not among the objects; there is %s", namespace, name, strings.Join(names, ", "))
}
