package gateway

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

const serviceBlocks = "spec.clusterNetwork.services.cidrBlocks"

// checkDualStack tells what keeps Services from having IPv6 addresses. A cluster is dual stack when its Services have an IPv4 and an IPv6 block; one
// that tells no block may be what it likes.
func (a *assigner) checkDualStack(c clusterForm, pools *pools) {
	if !c.balances || c.found == nil {
		return
	}
	v4, v6, ok := a.serviceFamilies(c)
	if !ok {
		return
	}
	switch {
	case v6 && !v4:
		a.warn(c.object, serviceBlocks, problem.Required, "there is an IPv6 block and no IPv4 block; a cluster that is dual stack has both")
	case v6 && !pools.have(netip.Addr.Is6) && len(pools.ranges) > 0:
		a.warn(c.object, "spec.loadBalancer.addressPools", problem.Required,
			"the cluster is dual stack ("+serviceBlocks+"), and no pool has IPv6 addresses, so Services get none; add an IPv6 range")
	case v4 && !v6 && pools.have(netip.Addr.Is6):
		a.warn(c.object, "spec.loadBalancer.addressPools", problem.NotEnabled,
			"a pool has IPv6 addresses, and the cluster is not dual stack, so Services get none; add an IPv6 block to "+serviceBlocks+", or take them out")
	}
	if v4 && v6 {
		a.checkPodFamilies()
	}
}

// serviceFamilies are those of the blocks that Services have addresses out of, inside the cluster; ok is false where one can't be read.
func (a *assigner) serviceFamilies(c clusterForm) (v4, v6, ok bool) {
	ok = true
	for i, text := range c.found.Spec.ClusterNetwork.Services.CIDRBlocks {
		block, err := netip.ParsePrefix(text)
		if err != nil {
			a.warn(c.object, fmt.Sprintf("%s[%d]", serviceBlocks, i), problem.InvalidValue, fmt.Sprintf("%q is no block of addresses; write one such as 10.96.0.0/16 or fd00::/112", text))
			ok = false
			continue
		}
		v4, v6 = v4 || block.Addr().Is4(), v6 || block.Addr().Is6()
	}
	return v4, v6, ok
}

// checkPodFamilies warns where pods have addresses of one family only, so that Services of the other have no endpoint.
func (a *assigner) checkPodFamilies() {
	both := func(p *v1alpha1.ClusterCIDRConfig) bool { return p.Spec.IPv4 != nil && p.Spec.IPv6 != nil }
	if len(a.CIDRConfigs) == 0 || slices.ContainsFunc(a.CIDRConfigs, both) {
		return
	}
	first := a.CIDRConfigs[0]
	field, family := "spec.ipv6", "IPv6"
	if first.Spec.IPv4 == nil {
		field, family = "spec.ipv4", "IPv4"
	}
	a.warn(object("ClusterCIDRConfig", v1alpha1.GroupVersion.Group, first), field, problem.Required, fmt.Sprintf(
		"the cluster is dual stack, and no ClusterCIDRConfig has both families, so pods have no %s address and Services of that family no endpoint; add it", family))
}

func (p *pools) have(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(p.ranges, func(r poolRange) bool { return family(r.First) })
}
