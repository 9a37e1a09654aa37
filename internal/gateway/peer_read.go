package gateway

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// readPeers checks each BGPPeer, selected or not. The forms are by name; those that can't be used are not among them.
func (a *peerReader) readPeers() map[string]*peer {
	out, spokenTo := make(map[string]*peer, len(a.Peers)), map[netip.Addr]bool{}
	var refused []func()
	for _, p := range a.Peers {
		from := len(a.problems)
		form := a.readPeer(p)
		remote := form.ip.IsValid() && a.checkRemote(form, "spec.peerIP")
		to := len(a.problems)
		if !problem.AnyError(a.problems[from:to]) {
			out[p.Name], spokenTo[form.ip] = form, true
			continue
		}
		refused = append(refused, func() {
			if last := a.lastGood(form); last == nil || !remote || spokenTo[form.ip] {
				outcome(a.problems[from:to], "it is left out until then")
			} else {
				outcome(a.problems[from:to], "its sessions stay as they are until then")
				out[p.Name], spokenTo[form.ip] = last, true
			}
		})
	}
	for _, settle := range refused { // sessions belong to a peer that can be used, if there is one
		settle()
	}
	return out
}

func (a *peerReader) readPeer(p *networking.BGPPeer) *peer {
	out := &peer{object: networkingObject("BGPPeer", p), made: p, name: p.Name, localASN: p.Spec.LocalASN, peerASN: p.Spec.PeerASN}
	ip, reason, why := readIPv4(p.Spec.PeerIP)
	if reason != "" {
		a.refuse(out.object, "spec.peerIP", reason, why+"; write the router's IPv4 address")
	} else {
		out.ip = ip
	}
	if out.localASN == 0 {
		a.refuse(out.object, "spec.localASN", problem.Required, "the AS number of the cluster is missing; write that of the Cluster (spec.loadBalancer.localASN)")
	} else if out.peerASN == out.localASN {
		a.refuse(out.object, "spec.peerASN", problem.NotExternal, fmt.Sprintf("AS %d is localASN, too, and sessions are eBGP only; write the router's own AS number", out.peerASN))
	}
	if out.peerASN != out.localASN || out.peerASN == 0 {
		a.checkASN(out, "spec.peerASN", a.cluster.localASN(nil))
	}
	if p.Spec.Sessions != nil {
		if out.sessions = int(*p.Spec.Sessions); out.sessions < 1 {
			a.refuse(out.object, "spec.sessions", problem.InvalidValue, fmt.Sprintf("%d sessions are none; write 1 or more, or delete the object", out.sessions))
		}
	}
	if p.Spec.Selectors != nil && len(p.Spec.Selectors.GatewayRefs) > 0 {
		out.from = a.gatewayRefs(out.object, p.Spec.Selectors.GatewayRefs)
	}
	return out
}

// checkASN refuses a router without an AS number of its own.
func (a *peerReader) checkASN(p *peer, field string, own uint32) {
	switch p.peerASN {
	case 0:
		a.refuse(p.object, field, problem.Required, "the AS number of the router is missing; write it")
	case own:
		a.refuse(p.object, field, problem.NotExternal, fmt.Sprintf("AS %d is the Cluster's own, and sessions are eBGP only; write the router's own AS number", own))
	}
}

// gatewayRefs reads the names of groups. Some that are not there are left out; where none is there, nothing can be done.
func (a *peerReader) gatewayRefs(o problem.Object, refs []string) map[string]bool {
	out, seen := map[string]bool{}, map[string]bool{}
	known := slices.Sorted(maps.Keys(a.groups.byName))
	var missing []int
	for i, name := range refs {
		switch {
		case seen[name]:
			a.warn(o, gatewayRef(i), problem.DuplicateEntry, fmt.Sprintf("%q stands in the list already; take it out", name))
		case a.groups.byName[name] == nil:
			missing = append(missing, i)
		default:
			out[name] = true
		}
		seen[name] = true
	}
	there := "there is none"
	if len(known) > 0 {
		there = "there are " + some(known)
	}
	for _, i := range missing {
		if len(out) == 0 {
			a.refuse(o, gatewayRef(i), problem.UnknownGateway, fmt.Sprintf("there is no NetworkGatewayGroup %q (%s), so no session can start; correct the name", refs[i], there))
		} else {
			a.warn(o, gatewayRef(i), problem.UnknownGateway, fmt.Sprintf("there is no NetworkGatewayGroup %q (%s); sessions start from the others", refs[i], there))
		}
	}
	return out
}

// outcome adds to errors what became of the object.
func outcome(problems []problem.Problem, what string) {
	for i := range problems {
		if p := &problems[i]; p.Severity == problem.Error {
			p.Message += "; " + what
		}
	}
}

func gatewayRef(i int) string { return fmt.Sprintf("spec.selectors.gatewayRefs[%d]", i) }

// checkRemote refuses a router's address that is the cluster's own.
func (a *peerReader) checkRemote(p *peer, field string) bool {
	_, floating := slices.BinarySearchFunc(a.groups.usable, p.ip, func(f *floatingIP, ip netip.Addr) int { return f.addr.Compare(ip) })
	switch n := a.nodes.byAddr[p.ip]; {
	case floating:
		a.refuse(p.object, field, problem.AddressInUse, fmt.Sprintf("%s is a floating IP of the cluster; write the router's address", p.ip))
	case n != nil:
		a.refuse(p.object, field, problem.AddressInUse, fmt.Sprintf("%s is the address of node %q; write the router's address", p.ip, n.name))
	default:
		return true
	}
	return false
}

// clusterPeers are the control plane's peers that can be used; of the others it is told what is wrong, and what becomes of them. Which control-plane nodes speak
// with which does not matter: sessions start from floating IPs.
func (a *peerReader) clusterPeers(left string) []*peer {
	c := a.cluster
	if c.found == nil || c.found.Spec.LoadBalancer.LocalASN == 0 {
		return nil
	}
	var out []*peer
	for i, p := range c.found.Spec.LoadBalancer.BGPPeers {
		form := &peer{object: c.object, localASN: uint32(c.found.Spec.LoadBalancer.LocalASN), peerASN: uint32(p.ASN)}
		from := len(a.problems)
		a.readClusterPeer(form, p.IP, fmt.Sprintf("spec.loadBalancer.bgpPeers[%d]", i), out)
		outcome(a.problems[from:], left)
		if !problem.AnyError(a.problems[from:]) {
			out = append(out, form)
		}
	}
	return out
}

func (a *peerReader) readClusterPeer(p *peer, text, field string, before []*peer) {
	a.checkASN(p, field+".asn", p.localASN)
	ip, reason, why := readIPv4(text)
	if p.ip = ip; reason != "" {
		a.refuse(p.object, field+".ip", reason, why+"; write the router's IPv4 address")
		return
	}
	a.checkRemote(p, field+".ip")
	i := slices.IndexFunc(before, func(o *peer) bool { return o.ip == ip })
	switch {
	case i == -1:
	case before[i].peerASN != p.peerASN:
		a.refuse(p.object, field+".ip", problem.ConflictingASN, fmt.Sprintf("%s is among bgpPeers already, and with AS %d; a router has one AS number: correct one of the two", ip, before[i].peerASN))
	default:
		a.refuse(p.object, field+".ip", problem.DuplicateEntry, fmt.Sprintf("%s is among bgpPeers already; put its controlPlaneNodes into the other entry", ip))
	}
}

// lastGood is the form of a peer that can't be used as it is now, and whose sessions are there: what works stays until the object is mended.
func (a *peerReader) lastGood(p *peer) *peer {
	out := a.spokenPeer(p.ip)
	if out == nil {
		return nil
	}
	out.object, out.made, out.name, out.sessions = p.object, p.made, p.name, len(out.at)
	return out
}
