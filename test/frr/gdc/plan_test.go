package gdc

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
)

// holds are the objects of a cluster whose floating IPs are where the status says.
func holds(t *testing.T, placed string) map[string]render.Document {
	t.Helper()
	c := golden.Case{Name: "two-floating-ips-on-one-node", Dir: "cases/two-floating-ips-on-one-node"}
	read, err := source.Read([]string{c.Input()}, source.Options{})
	require.NoError(t, err)
	g := read.Objects.GDC.GatewayGroups[0].DeepCopy()
	g.Status.FloatingIPs = map[string]string{}
	for word := range strings.FieldsSeq(placed) {
		address, node, _ := strings.Cut(word, "=")
		g.Status.FloatingIPs[address] = node
	}
	read.Objects.GDC.GatewayGroups[0] = g
	out := map[string]render.Document{}
	for _, n := range come(t, read, c) {
		out[n.name] = n.document
	}
	return out
}

// A floating IP that moves takes its view along; no other session is touched, on the nodes that had and get it, and elsewhere.
func TestAMovedFloatingIPTouchesItsViewOnly(t *testing.T) {
	both := holds(t, "10.0.1.100=n1 10.0.1.101=n1")
	moved := holds(t, "10.0.1.100=n1 10.0.1.101=n2")
	for _, v := range fabric.Versions() {
		for _, step := range []struct {
			name     string
			from, to map[string]render.Document
		}{{"away", both, moved}, {"back", moved, both}} {
			for node := range both {
				t.Run(string(v)+" "+step.name+" "+node, func(t *testing.T) {
					from, to := step.from[node], step.to[node]
					plan := reload.Diff(golden.Running(v, from.Text, from.Text), to)
					if node == "n3" {
						require.True(t, plan.Empty(), "it is told by BGP, not by a configuration:\n%s", plan)
						return
					}
					require.False(t, plan.Empty())
					for _, session := range plan.Resets() {
						require.True(t, strings.HasSuffix(session, " view gw-10.0.1.101") || session == "10.0.1.101", "%s is reset:\n%s", session, plan)
					}
					for _, c := range plan.Commands {
						require.False(t, slices.ContainsFunc(c.Context, func(l vtysh.Line) bool { return strings.Contains(l.Reveal(), "view gw-10.0.1.100") }),
							"the other view is touched by %s", c)
					}
				})
			}
		}
	}
}
