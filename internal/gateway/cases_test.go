package gateway

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

var update = flag.Bool("update", false, "write the expected files of the cases anew")

// A case is a directory with in.yaml and out.txt. Objects of in.yaml take the place of those of the same kind and name in the files that its State names
// as base, which are testdata/nodes.yaml and testdata/cluster.yaml where it names none.

// state is the document of a case that is no Kubernetes object: what else an Assignment depends on.
type state struct {
	Base               []string            `json:"base"`
	Leases             map[string]Lease    `json:"leases"`
	Back               map[string][]string `json:"back"`
	Await              bool                `json:"await"`
	Taken              []Offer             `json:"taken"`
	Services           []Service           `json:"services"`
	Unread             []problem.Object    `json:"unread"`
	Incomplete         bool                `json:"incomplete"`
	Before             []Session           `json:"before"`
	Placed             bool                `json:"placed"`
	AssumeSubnets      bool                `json:"assumeSubnets"`
	IgnoreExcludeLabel bool                `json:"ignoreExcludeLabel"`
	// Without are objects of the base that the case does not have, as KIND NAME.
	Without []string `json:"without"`
}

func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("testdata/cases/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			in := readCase(t, filepath.Join(dir, "in.yaml"))
			before := show(in)
			out := Assign(in)
			require.Equal(t, before, show(in), "the input is as it was")
			got := dump(out)
			file := filepath.Join(dir, "out.txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
			requireSound(t, in, out)
		})
	}
}

func show(in Input) string {
	text, err := yaml.Marshal(in)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func readCase(t *testing.T, file string) Input {
	t.Helper()
	s := state{Base: []string{"nodes.yaml", "cluster.yaml"}}
	var own [][]byte
	for _, doc := range documents(t, file) {
		if kindOf(t, doc).Kind == "State" {
			require.NoError(t, yaml.UnmarshalStrict(withoutKind(doc), &s))
			continue
		}
		own = append(own, doc)
	}
	objects := map[string][]byte{}
	for _, base := range s.Base {
		for _, doc := range documents(t, filepath.Join("testdata", base)) {
			objects[nameOf(t, doc)] = doc
		}
	}
	for _, doc := range own {
		objects[nameOf(t, doc)] = doc
	}
	for _, name := range s.Without {
		require.Contains(t, objects, name)
		delete(objects, name)
	}
	in := Input{Leases: s.Leases, Back: s.Back, Await: s.Await, Taken: s.Taken, Services: s.Services, Unread: s.Unread, Incomplete: s.Incomplete, Before: s.Before, Placed: s.Placed, AssumeSubnets: s.AssumeSubnets, IgnoreExcludeLabel: s.IgnoreExcludeLabel}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		in.add(t, objects[name])
	}
	return in
}

func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var out [][]byte
	for _, doc := range bytes.Split(data, []byte("\n---\n")) {
		if kindOf(t, doc).Kind != "" {
			out = append(out, doc)
		}
	}
	return out
}

func withoutKind(doc []byte) []byte { return bytes.Replace(doc, []byte("kind: State\n"), nil, 1) }

func kindOf(t *testing.T, doc []byte) (out metav1.PartialObjectMetadata) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(doc, &out), "%s", doc)
	return out
}

func nameOf(t *testing.T, doc []byte) string {
	o := kindOf(t, doc)
	return o.Kind + " " + o.Name
}

func (in *Input) add(t *testing.T, doc []byte) {
	t.Helper()
	switch o := kindOf(t, doc); o.Kind {
	case "Cluster":
		addTo(t, doc, &in.Clusters, &baremetal.Cluster{})
	case "NetworkGatewayGroup":
		addTo(t, doc, &in.Groups, &networking.NetworkGatewayGroup{})
	case "BGPLoadBalancer":
		addTo(t, doc, &in.LoadBalancers, &networking.BGPLoadBalancer{})
	case "BGPPeer":
		addTo(t, doc, &in.Peers, &networking.BGPPeer{})
	case "BGPSession":
		addTo(t, doc, &in.Sessions, &networking.BGPSession{})
	case "NetworkGatewayNode":
		addTo(t, doc, &in.Reports, &networking.NetworkGatewayNode{})
	case "IPAddressPool":
		addTo(t, doc, &in.Pools, &v1beta1.IPAddressPool{})
	case "Node":
		addTo(t, doc, &in.Nodes, &corev1.Node{})
	case "ClusterCIDRConfig":
		addTo(t, doc, &in.CIDRConfigs, &v1alpha1.ClusterCIDRConfig{})
	default:
		t.Fatalf("%s: a case has no such kind", o.Kind)
	}
}

func addTo[T any](t *testing.T, doc []byte, list *[]*T, o *T) {
	t.Helper()
	require.NoError(t, yaml.UnmarshalStrict(doc, o), "%s", doc)
	*list = append(*list, o)
}

// dump is an Assignment as people read it.
func dump(a Assignment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "AS %d\n", a.ASN)
	section(&b, "floating IPs", a.FloatingIPs, func(f FloatingIP) string { return fmt.Sprintf("%s of %s: %s", f.Address, f.Group, orNone(f.Node)) })
	section(&b, "sessions", a.Sessions, func(s Session) string {
		many := map[[2]bool]string{{true, true}: ", many paths", {true, false}: ", many IPv4 paths", {false, true}: ", many IPv6 paths"}[[2]bool{s.ManyIPv4, s.ManyIPv6}]
		peer := "of the Cluster"
		if s.Peer != "" {
			peer = "of " + s.Peer
		}
		return fmt.Sprintf("%s: %s on %s, AS %d, to %s, AS %d, %s%s", s.Name, s.FloatingIP, s.Node, s.LocalASN, s.PeerIP, s.PeerASN, peer, many)
	})
	section(&b, "nodes that take traffic", a.LoadBalancers, func(h NextHop) string {
		return strings.TrimSuffix(fmt.Sprintf("%s %s %s", h.Node, h.IPv4, h.IPv6), " invalid IP")
	})
	section(&b, "announced", a.VIPs, func(v VIP) string { return dumpVIP(a, v) })
	section(&b, "services", a.Services, func(s Announcement) string { return fmt.Sprintf("%s/%s %s", s.Namespace, s.Name, s.Verdict) })
	section(&b, "status", a.Groups, func(g Group) string {
		return fmt.Sprintf("%s/%s floatingIPs %v nodes %v", g.Namespace, g.Name, g.FloatingIPs, g.Nodes)
	})
	section(&b, "awaiting", a.Awaiting, netip.Addr.String)
	section(&b, "offers", a.Offers, func(o Offer) string { return fmt.Sprintf("%s %s from %s to %s", o.Why, o.Address, o.From, o.To) })
	section(&b, "conditions", a.Conditions, func(c Condition) string {
		return strings.TrimSuffix(fmt.Sprintf("%s %s %s=%s %s: %s", c.Object.Kind, c.Object.Name, c.Type, c.Status, c.Reason, c.Message), ": ")
	})
	section(&b, "problems", a.Problems, func(p problem.Problem) string { return p.String() })
	return b.String()
}

func dumpVIP(a Assignment, v VIP) string {
	var hops, single []string
	for _, i := range v.NextHops {
		hops = append(hops, a.LoadBalancers[i].Address(v).String())
	}
	for i, s := range v.Single {
		reserve := "none"
		if s.Reserve != -1 {
			reserve = a.LoadBalancers[s.Reserve].Node
		}
		single = append(single, fmt.Sprintf("%s: %s, then %s", a.FloatingIPs[i].Address, a.LoadBalancers[s.NextHop].Node, reserve))
	}
	return fmt.Sprintf("%s (%s) by %s; one from %s", v.Prefix(), strings.Join(v.Routes, ", "), strings.Join(hops, ", "), strings.Join(single, "; "))
}

func section[T any](b *strings.Builder, title string, list []T, line func(T) string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", title)
	for _, one := range list {
		fmt.Fprintf(b, "  %s\n", line(one))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
