package gateway

import (
	"fmt"
	"net/netip"
	"slices"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// checkControlPlane tells what of a Cluster keeps its control plane from being reached by BGP. Services don't depend on it.
func (a *assigner) checkControlPlane(c clusterForm, nodes *nodes) {
	if c.found == nil || c.found.Spec.LoadBalancer.Type != baremetal.BGPType || c.found.Spec.LoadBalancer.Mode == baremetal.ManualLoadBalancer {
		return
	}
	if vip, err := netip.ParseAddr(c.found.Spec.LoadBalancer.VIPs.ControlPlaneVIP); err == nil && !vip.Unmap().Is4() {
		a.refuse(c.object, "spec.loadBalancer.vips.controlPlaneVIP", problem.IPv4Only,
			fmt.Sprintf("%s is an IPv6 address, and the control plane is balanced by IPv4 only; write an IPv4 address", vip))
	}
	plane := c.controlPlane(nodes)
	if len(plane) == 0 {
		return
	}
	reached, all := map[string]bool{}, len(c.found.Spec.LoadBalancer.BGPPeers) == 0
	for i, p := range c.found.Spec.LoadBalancer.BGPPeers {
		all = all || len(p.ControlPlaneNodes) == 0
		for j, text := range p.ControlPlaneNodes {
			reached[text] = true
			if !slices.Contains(plane, text) {
				a.refuse(c.object, fmt.Sprintf("spec.loadBalancer.bgpPeers[%d].controlPlaneNodes[%d]", i, j), problem.UnknownNode, fmt.Sprintf(
					"%q is no address of a control-plane node (there are %s), so nobody peers with %s from it; correct it", text, some(plane), p.IP))
			}
		}
	}
	alone := slices.DeleteFunc(plane, func(text string) bool { return reached[text] })
	if len(alone) > 0 && !all {
		a.refuse(c.object, "spec.loadBalancer.bgpPeers", problem.Required, fmt.Sprintf(
			"control-plane nodes %s are in no controlPlaneNodes, and each needs a router: add them to one, or leave controlPlaneNodes of one out", some(alone)))
	}
}

// controlPlane are the addresses of its nodes, sorted: those that the Cluster lists, otherwise those of Nodes with its label.
func (c clusterForm) controlPlane(nodes *nodes) []string {
	var out []string
	for _, machine := range c.found.Spec.ControlPlane.NodePoolSpec.Nodes {
		out = append(out, machine.NodeIP())
	}
	if len(out) == 0 {
		for _, n := range nodes.labelled(controlPlaneLabel) {
			if n.ipv4.IsValid() {
				out = append(out, n.ipv4.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
