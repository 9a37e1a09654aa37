package gdc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
)

// What is explained is what each node's frr.conf has, line by line: who announces which address, which sessions there are, and what they tell.
func TestExplainSaysWhatNodesRun(t *testing.T) {
	for _, c := range golden.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			read, err := source.Read([]string{c.Input()}, source.Options{})
			require.NoError(t, err)
			in, ok := snapshot.GatewayInput(read.Objects, snapshot.Options{})
			require.True(t, ok)
			in.AssumeSubnets = true
			cluster := gateway.Explain(in)
			for _, name := range snapshot.Nodes(read.Objects) {
				snap, err := snapshot.New(read.Objects, name, snapshot.Options{})
				require.NoError(t, err)
				snap.Gateway = &cluster.Assignment
				e := translate.Explain(snap, translate.LastGood{})
				renderer, err := render.New(nil)
				require.NoError(t, err)
				document, err := renderer.Render(e.Config)
				require.NoError(t, err)
				requireRuns(t, cluster, e, in, name, blocks(document.Text))
			}
		})
	}
}

// blocks are the lines of each instance, without the spaces before them, by view; "" is the default one.
func blocks(config string) map[string][]string {
	out := map[string][]string{}
	view, within := "", false
	for line := range strings.Lines(config) {
		line = strings.TrimRight(line, "\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "router bgp "):
			view, within = "", len(words) == 3 || words[3] == "view"
			if len(words) == 5 {
				view = words[4]
			}
		case !strings.HasPrefix(line, " "):
			within = false
		case within:
			out[view] = append(out[view], strings.TrimSpace(line))
		}
	}
	return out
}

func requireRuns(t *testing.T, cluster *gateway.Explanation, e *translate.Explanation, in gateway.Input, name string, runs map[string][]string) {
	t.Helper()
	announces := func(view string, a netip.Addr) bool {
		return slices.ContainsFunc(runs[view], func(l string) bool {
			return strings.HasPrefix(l, fmt.Sprintf("network %s ", netip.PrefixFrom(a, a.BitLen())))
		})
	}
	node, known := cluster.Node(name)
	require.True(t, known)
	if why := e.NoNextHop(); why != "" {
		node.But(why)
	}
	for _, s := range in.Services {
		answer, _ := cluster.Service(s.Namespace, s.Name)
		if why := e.NoNextHop(); why != "" {
			answer.But(name, why)
		}
		for _, a := range answer.Addresses {
			i := slices.IndexFunc(a.Nodes, func(h gateway.HopAnswer) bool { return h.Node == name })
			hop := i >= 0 && a.Nodes[i].Reason == gateway.IsNextHop
			if metallb, ok := e.Service(s.Namespace, s.Name); !ok || !metallb.Announced() {
				require.Equal(t, hop, announces("", netip.MustParseAddr(a.Address)), "%s on %s", a.Address, name)
			}
			requireTells(t, a, name, runs)
		}
	}
	var routers []string
	for view, lines := range runs {
		for _, l := range lines {
			if words := strings.Fields(l); view != "" && len(words) == 3 && words[0] == "neighbor" && words[2] == "ebgp-multihop" {
				routers = append(routers, strings.TrimPrefix(view, "gw-")+" "+words[1])
			}
		}
	}
	var want []string
	for _, s := range node.Sessions {
		want = append(want, s.FloatingIP.String()+" "+s.PeerIP.String())
	}
	require.ElementsMatch(t, want, routers, "sessions of %s", name)
	for _, f := range node.FloatingIPs {
		_, has := runs["gw-"+f.Address.String()]
		require.Equal(t, f.Holder == name, has, "%s on %s", f.Address, name)
	}
}

// requireTells looks for what the sessions of a node tell of an address.
func requireTells(t *testing.T, a gateway.AddressAnswer, name string, runs map[string][]string) {
	t.Helper()
	family := "ipv4"
	if strings.Contains(a.Address, ":") {
		family = "ipv6"
	}
	for _, s := range a.Sessions {
		if s.Node != name {
			continue
		}
		var lines []string
		within := false
		for _, l := range runs["gw-"+s.FloatingIP.String()] {
			switch {
			case strings.HasPrefix(l, "address-family "):
				within = l == "address-family "+family+" unicast"
			case within:
				lines = append(lines, l)
			}
		}
		about := fmt.Sprintf("%s to %s on %s", a.Address, s.PeerIP, name)
		require.Equal(t, s.Told(), slices.Contains(lines, "neighbor "+s.PeerIP.String()+" activate"), about)
		require.Equal(t, s.All, slices.Contains(lines, "neighbor "+s.PeerIP.String()+" addpath-tx-all-paths"), about)
	}
}
