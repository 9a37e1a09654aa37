package gateway

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/iprange"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// pools are the ranges that Services have their addresses out of, sorted by first address and made disjoint.
type pools struct{ ranges []poolRange }

type poolRange struct {
	iprange.Range
	// in names where it stands, for messages.
	in string
}

// pools collects those of the Cluster and of MetalLB. GDC makes MetalLB's out of the Cluster's, so one may well lie in the other.
func (a *assigner) pools(c clusterForm) *pools {
	var all []poolRange
	if c.found != nil {
		all = a.clusterPools(c)
	}
	for _, p := range a.Pools {
		for _, entry := range p.Spec.Addresses {
			// What can't be read is told where MetalLB's objects are translated.
			if r, err := iprange.Parse(entry); err == nil {
				all = append(all, poolRange{r, fmt.Sprintf("IPAddressPool %q", p.Name)})
			}
		}
	}
	return newPools(all)
}

func (a *assigner) clusterPools(c clusterForm) []poolRange {
	var all []poolRange
	for i, p := range c.found.Spec.LoadBalancer.AddressPools {
		for j, entry := range p.Addresses {
			r, err := iprange.Parse(entry)
			if err != nil {
				a.refuse(c.object, fmt.Sprintf("spec.loadBalancer.addressPools[%d].addresses[%d]", i, j), problem.InvalidValue, err.Error()+"; it is left out")
				continue
			}
			all = append(all, poolRange{r, fmt.Sprintf("pool %q of the Cluster", p.Name)})
		}
	}
	sortRanges(all)
	for i := 1; i < len(all); i++ {
		if all[i].Overlaps(all[i-1].Range) {
			a.warn(c.object, "spec.loadBalancer.addressPools", problem.OverlappingPool, fmt.Sprintf(
				"%s of %s overlaps %s of %s; write each address once", all[i].Range, all[i].in, all[i-1].Range, all[i-1].in))
		}
	}
	return all
}

func sortRanges(all []poolRange) {
	slices.SortFunc(all, func(a, b poolRange) int {
		return cmp.Or(a.First.Compare(b.First), a.Last.Compare(b.Last), cmp.Compare(a.in, b.in))
	})
}

// newPools sorts the ranges, and puts those that overlap together, so that an address is found in one step.
func newPools(all []poolRange) *pools {
	sortRanges(all)
	var out []poolRange
	for _, r := range all {
		last := len(out) - 1
		if last < 0 || !out[last].Overlaps(r.Range) {
			out = append(out, r)
		} else if out[last].Last.Less(r.Last) {
			out[last].Last = r.Last
		}
	}
	return &pools{out}
}

// find names the pool that an address lies in.
func (p *pools) find(addr netip.Addr) (in string, ok bool) {
	i, exact := slices.BinarySearchFunc(p.ranges, addr, func(r poolRange, addr netip.Addr) int { return r.First.Compare(addr) })
	if !exact {
		i--
	}
	if i < 0 || !p.ranges[i].Contains(addr) {
		return "", false
	}
	return p.ranges[i].in, true
}
