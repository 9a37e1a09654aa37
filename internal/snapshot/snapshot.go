package snapshot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// DefaultNamespace is where MetalLB's objects live.
const DefaultNamespace = "metallb-system"

// Options are MetalLB's speaker flags that change what a node announces.
type Options struct {
	// Namespace of the metallb.io objects; empty: DefaultNamespace.
	Namespace string
	// LoadBalancerClass of the Services to announce; empty: those without a class.
	LoadBalancerClass string
	// IgnoreExcludeLabel announces from nodes labelled node.kubernetes.io/exclude-from-external-load-balancers too.
	IgnoreExcludeLabel bool
	// Unread are objects that are there and can't be read; Incomplete tells that there may be more.
	Unread     []problem.Object
	Incomplete bool
}

// Snapshot is what translate needs to configure one node. Its lists are sorted oldest first (Older), so that of two objects that
// exclude each other the first is the one to keep.
type Snapshot struct {
	// Namespace of the metallb.io objects.
	Namespace string
	Node      Node

	Peers          []*v1beta2.BGPPeer
	Pools          []*v1beta1.IPAddressPool
	Advertisements []*v1beta1.BGPAdvertisement
	BFDProfiles    []*v1beta1.BFDProfile
	Communities    []*v1beta1.Community
	// Secrets of our namespace that a peer refers to, by name.
	Secrets map[string]Secret
	// Services of type LoadBalancer and of our class, by namespace and name.
	Services []Service
	// Extras is the text of the bgpextras ConfigMap.
	Extras Extras
	// GDC are all of GDC's objects, of all namespaces and for all nodes: which floating IPs the node holds follows from them together.
	GDC GDC
	// Gateway is what the cluster shall do in GDC mode, this node in it; nil: it is in no such mode. Whoever takes the snapshot sets it.
	Gateway *gateway.Assignment
	// Floating are the floating IPs that are on the node's interfaces now, whoever shall hold them. Whoever takes the snapshot sets it.
	Floating []netip.Addr

	unread     map[problem.Object]bool
	incomplete bool
}

// MayExist tells whether an object that is not among the snapshot's may be there all the same, unreadable: it was not deleted.
func (s *Snapshot) MayExist(object problem.Object) bool { return s.incomplete || s.unread[object] }

// Format implements fmt.Formatter: objects hold passwords, which a wrong verb would print as they are, so only numbers are printed.
func (s Snapshot) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "snapshot of node %s: %d peers, %d pools, %d advertisements, %d services", s.Node.Name, len(s.Peers), len(s.Pools),
		len(s.Advertisements), len(s.Services))
}

// MarshalJSON implements json.Marshaler, as Format prints.
func (s Snapshot) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(s)) }

// Node is the node that is configured.
type Node struct {
	Name   string
	Labels map[string]string
	// Addresses are the node's own, as its status lists them.
	Addresses []string
	// NetworkUnavailable is the node's condition of that name.
	NetworkUnavailable bool
	// Excluded tells that the node's label takes it out of external load balancing.
	Excluded bool
	// Annotations that are ours, by name without prefix.
	Annotations map[string]string
}

// Secret is what a peer's passwordSecret refers to.
type Secret struct {
	Type corev1.SecretType
	// Password is the value of key "password"; HasPassword tells whether there is one.
	Password    v1beta2.Password
	HasPassword bool
}

// Extras is the text that an administrator adds to every node's configuration.
type Extras struct {
	// Name of the ConfigMap; empty when there is none.
	Name string
	Text string
	// Refused is what FRR's own parser says of exactly this Text, empty when it was not asked or has nothing to say. Whoever has an FRR at
	// hand asks it and takes the snapshot again with the answer.
	Refused string
}

// Service is one Service of type LoadBalancer, and what is known of its endpoints.
type Service struct {
	Namespace string
	Name      string
	UID       types.UID
	Labels    map[string]string
	// Ingress are the addresses that MetalLB's controller gave to it, as its status lists them; a host name where it lists one.
	Ingress []string
	// LocalOnly is externalTrafficPolicy Local: only nodes with an endpoint announce it.
	LocalOnly bool
	// Endpoints and LocalEndpoints tell whether any endpoint, and any on this node, is ready or serving.
	Endpoints      bool
	LocalEndpoints bool
	// Ready and LocalReady tell the same of endpoints that are ready.
	Ready      bool
	LocalReady bool
	// Annotations that are ours, by name without prefix.
	Annotations map[string]string
	// Created is when the Service was; zero where a manifest does not tell.
	Created metav1.Time
}

// UnknownNodeError tells that objects hold Nodes, but not this one.
type UnknownNodeError struct {
	Node  string
	Known []string
}

func (e *UnknownNodeError) Error() string {
	return fmt.Sprintf("node %q is not among the Node objects (%d: %s)", e.Node, len(e.Known), list(e.Known, 10))
}

const (
	excludeLabel  = "node.kubernetes.io/exclude-from-external-load-balancers"
	hostnameLabel = "kubernetes.io/hostname"
)

// New selects what matters to one node. Where objects hold no Node at all, the node exists with no labels but its host name; where they
// hold others only, the error is an *UnknownNodeError.
func New(objects Objects, node string, options Options) (*Snapshot, error) {
	n, err := findNode(objects.Nodes, node)
	if err != nil {
		return nil, err
	}
	n.Excluded = n.Excluded && !options.IgnoreExcludeLabel
	options.Namespace = cmp.Or(options.Namespace, DefaultNamespace)

	unread := make(map[problem.Object]bool, len(options.Unread))
	for _, o := range options.Unread {
		unread[o] = true
	}
	return &Snapshot{
		unread:         unread,
		incomplete:     options.Incomplete,
		Namespace:      options.Namespace,
		Node:           n,
		Peers:          oldestFirst(objects.Peers, options.Namespace),
		Pools:          oldestFirst(objects.Pools, options.Namespace),
		Advertisements: oldestFirst(objects.Advertisements, options.Namespace),
		BFDProfiles:    oldestFirst(objects.BFDProfiles, options.Namespace),
		Communities:    oldestFirst(objects.Communities, options.Namespace),
		Secrets:        secrets(objects, options.Namespace),
		Services:       services(objects, n.Name, options.LoadBalancerClass),
		Extras:         extras(objects.ConfigMaps, options.Namespace),
		GDC:            objects.GDC.oldestFirst(),
	}, nil
}

// Nodes lists the nodes that objects know, by name.
func Nodes(objects Objects) []string {
	names := make([]string, 0, len(objects.Nodes))
	for _, n := range objects.Nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

func findNode(nodes []*corev1.Node, name string) (Node, error) {
	if len(nodes) == 0 {
		return Node{Name: name, Labels: map[string]string{hostnameLabel: name}}, nil
	}
	known := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.Name == name {
			return newNode(n), nil
		}
		known = append(known, n.Name)
	}
	slices.Sort(known)
	return Node{}, &UnknownNodeError{Node: name, Known: known}
}

func newNode(n *corev1.Node) Node {
	out := Node{Name: n.Name, Labels: n.Labels, Annotations: Annotations(n.Annotations)}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			out.Addresses = append(out.Addresses, a.Address)
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeNetworkUnavailable && c.Status == corev1.ConditionTrue {
			out.NetworkUnavailable = true
		}
	}
	_, out.Excluded = n.Labels[excludeLabel]
	return out
}

// Older orders objects by age: creationTimestamp, those without one last, then namespace and name.
func Older(a, b metav1.Object) int {
	return cmp.Or(
		OlderTime(a.GetCreationTimestamp(), b.GetCreationTimestamp()),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

// OlderTime orders by creationTimestamp alone, what has none last.
func OlderTime(a, b metav1.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b.Time)
}

func oldestFirst[T metav1.Object](objects []T, namespace string) []T {
	out := make([]T, 0, len(objects))
	for _, o := range objects {
		if o.GetNamespace() == namespace {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b T) int { return Older(a, b) })
	return out
}

func byAge[T metav1.Object](objects []T) []T {
	return slices.SortedFunc(slices.Values(objects), func(a, b T) int { return Older(a, b) })
}

func secrets(objects Objects, namespace string) map[string]Secret {
	wanted := map[string]bool{}
	for _, p := range objects.Peers {
		if p.Spec.PasswordSecret.Name != "" {
			wanted[p.Spec.PasswordSecret.Name] = true
		}
	}
	out := map[string]Secret{}
	for _, s := range objects.Secrets {
		if s.Namespace != namespace || !wanted[s.Name] {
			continue
		}
		secret := Secret{Type: s.Type}
		if data, ok := s.Data[corev1.BasicAuthPasswordKey]; ok {
			secret.Password, secret.HasPassword = v1beta2.Password(data), true
		}
		// Only files hold stringData; an API server has merged it into data, over what was there.
		if text, ok := s.StringData[corev1.BasicAuthPasswordKey]; ok {
			secret.Password, secret.HasPassword = v1beta2.Password(text), true
		}
		out[s.Name] = secret
	}
	return out
}

// extrasName is the ConfigMap that MetalLB's documentation names, and extrasKey its key.
const (
	extrasName = "bgpextras"
	extrasKey  = "extras"
)

func extras(maps []*corev1.ConfigMap, namespace string) Extras {
	for _, m := range maps {
		if m.Namespace == namespace && m.Name == extrasName {
			return Extras{Name: m.Name, Text: m.Data[extrasKey]}
		}
	}
	return Extras{}
}

func list(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
