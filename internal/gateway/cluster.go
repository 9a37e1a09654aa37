package gateway

import (
	"fmt"
	"net/netip"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// clusterForm is the Cluster, and what it says about whether there is anything to decide.
type clusterForm struct {
	found  *baremetal.Cluster // nil: there is none, as in a user cluster; then all that is there is used
	object problem.Object
	// admin clusters have a control plane to announce, and nothing else.
	admin bool
	// balances tells that Services are announced by BGP.
	balances bool
	// unread are the Clusters that can't be read, where there is no other: then nobody knows what there is to decide, and what there is stays.
	unread []problem.Object
}

// cluster reads the one Cluster.
func (a *assigner) cluster() clusterForm {
	if len(a.Clusters) == 0 {
		unread := a.unread("Cluster")
		if len(unread) > 0 {
			a.refuse(unread[0], "", problem.UnreadObject,
				"it can't be read, so nobody knows which routers there are, and which nodes take traffic: sessions and routes stay as they are, and nothing new is announced; mend it, or delete it")
		}
		return clusterForm{balances: len(unread) == 0, unread: unread}
	}
	out := clusterForm{found: a.Clusters[0], object: clusterObject(a.Clusters[0])}
	for _, other := range a.Clusters[1:] {
		a.refuse(clusterObject(other), "", problem.DuplicateObject, fmt.Sprintf("Cluster %q is in this namespace already, %s; this one is left out", out.found.Name, ahead(out.found, other)))
	}
	lb := out.found.Spec.LoadBalancer
	out.admin = out.found.Spec.Type == baremetal.AdminCluster
	out.balances = !out.admin && lb.Type == baremetal.BGPType && lb.Mode != baremetal.ManualLoadBalancer
	a.checkCluster(out)
	return out
}

func clusterObject(c *baremetal.Cluster) problem.Object {
	return object("Cluster", baremetal.GroupVersion.Group, c)
}

// checkCluster tells what keeps the other objects from being used, where there are any.
func (a *assigner) checkCluster(c clusterForm) {
	spec := c.found.Spec
	a.checkClusterWords(c)
	switch {
	case len(a.Groups)+len(a.LoadBalancers)+len(a.Peers) == 0:
	case c.admin:
		a.eachObject(func(o problem.Object) {
			a.refuse(o, "", problem.NotEnabled, "an admin cluster announces its control plane only; this object is left out: it belongs to a user cluster")
		})
	case spec.LoadBalancer.Mode == baremetal.ManualLoadBalancer:
		a.warn(c.object, "spec.loadBalancer.mode", problem.NotEnabled, "mode manual leaves load balancing to something else: no Service is announced; set mode bundled and type bgp")
	case !c.balances && spec.LoadBalancer.Type != "" && spec.LoadBalancer.Type != baremetal.Layer2Type:
		a.refuse(c.object, "spec.loadBalancer.type", problem.InvalidValue,
			fmt.Sprintf("%q is no type, so no Service is announced by BGP; write bgp", spec.LoadBalancer.Type))
	case !c.balances:
		a.warn(c.object, "spec.loadBalancer.type", problem.NotEnabled, "type is layer2, which is the default: no Service is announced by BGP; set type bgp")
	case !spec.ClusterNetwork.AdvancedNetworking:
		a.warn(c.object, "spec.clusterNetwork.advancedNetworking", problem.NotEnabled,
			"GDC serves NetworkGatewayGroups only where this is true; they are used here all the same: set it to true when the cluster is made")
	}
	if c.balances && spec.LoadBalancer.LocalASN == 0 {
		a.refuse(c.object, "spec.loadBalancer.localASN", problem.Required, "type bgp needs the AS number of the cluster; bgpPeers are left out for Services without it")
	}
}

// checkClusterWords refuses words that mean nothing, as far as no other rule tells of them.
func (a *assigner) checkClusterWords(c clusterForm) {
	switch kind := c.found.Spec.Type; kind {
	case "", baremetal.AdminCluster, baremetal.HybridCluster, baremetal.StandaloneCluster, baremetal.UserCluster:
	default:
		a.refuse(c.object, "spec.type", problem.InvalidValue, fmt.Sprintf("%q is no type of a cluster, so it is taken for a user cluster; write admin, hybrid, standalone or user", kind))
	}
	switch mode := c.found.Spec.LoadBalancer.Mode; mode {
	case "", baremetal.BundledLoadBalancer, baremetal.ManualLoadBalancer:
	default:
		a.refuse(c.object, "spec.loadBalancer.mode", problem.InvalidValue, fmt.Sprintf("%q is no mode, so it is taken for bundled; write bundled or manual", mode))
	}
}

func (a *assigner) eachObject(tell func(problem.Object)) {
	for _, o := range a.Groups {
		tell(networkingObject("NetworkGatewayGroup", o))
	}
	for _, o := range a.LoadBalancers {
		tell(networkingObject("BGPLoadBalancer", o))
	}
	for _, o := range a.Peers {
		tell(networkingObject("BGPPeer", o))
	}
}

// localASN is the AS number of the cluster: the Cluster's, or without one that of the oldest peer that is used.
func (c clusterForm) localASN(peers []*peer) uint32 {
	if c.found != nil && c.found.Spec.LoadBalancer.LocalASN != 0 {
		return uint32(c.found.Spec.LoadBalancer.LocalASN)
	}
	for _, p := range peers {
		return p.localASN
	}
	return 0
}

// ownAddress tells which of the cluster's own addresses this is.
func (c clusterForm) ownAddress(addr netip.Addr) string {
	if c.found == nil {
		return ""
	}
	vips := c.found.Spec.LoadBalancer.VIPs
	switch addr.String() {
	case vips.ControlPlaneVIP:
		return "controlPlaneVIP"
	case vips.IngressVIP:
		return "ingressVIP"
	}
	return ""
}

// checkVIPs tells of the cluster's own addresses that don't go together with the pools: the control plane's is in none, the ingress, a Service, has its out of one.
func (a *assigner) checkVIPs(c clusterForm, pools *pools) {
	if !c.balances || c.found == nil {
		return
	}
	const field = "spec.loadBalancer.vips."
	vips := c.found.Spec.LoadBalancer.VIPs
	if vip, err := netip.ParseAddr(vips.ControlPlaneVIP); err == nil {
		if in, ok := pools.find(vip); ok {
			a.warn(c.object, field+"controlPlaneVIP", problem.AddressInUse, fmt.Sprintf(
				"%s lies in %s, out of which Services get addresses; a Service that gets it is not announced: take it out of the pool", vip, in))
		}
	}
	if vip, err := netip.ParseAddr(vips.IngressVIP); err == nil {
		if _, ok := pools.find(vip); !ok {
			a.warn(c.object, field+"ingressVIP", problem.NotInAnyPool, fmt.Sprintf("%s lies in no pool, so the ingress can't have it; add it to one of addressPools", vip))
		}
	}
}
