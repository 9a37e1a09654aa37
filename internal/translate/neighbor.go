package translate

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// newPeer checks the fields of a peer, each by MetalLB's rule or, where that is wrong, by what FRR takes.
func newPeer(name string, in goodPeer, found *issues, nodeAddresses []string) peer {
	spec := &in.Spec
	p := peer{name: name, asn: spec.MyASN}
	n := &p.neighbor
	n.Description = frrconf.NewDescription(name)
	n.Password = in.password
	n.GracefulRestart = spec.EnableGracefulRestart
	n.EBGPMultihop = spec.EBGPMultiHop

	if spec.MyASN == 0 {
		found.refuse("spec.myASN", problem.Required, "set the AS number of our end, 1 to 4294967295")
	}
	var internal bool
	n.RemoteAS, internal = remoteAS(spec, found)
	n.Peer = peerID(spec, found, nodeAddresses)

	vrf, err := frrconf.NewVRF(spec.VRFName)
	if err != nil {
		found.refuse("spec.vrf", problem.InvalidValue, err.Error())
	}
	p.vrf = vrf

	localAS(spec, n, internal, found)
	if spec.EBGPMultiHop && internal {
		found.refuse("spec.ebgpMultiHop", problem.MutuallyExclusive, "the session is iBGP, which may pass routers anyway; take ebgpMultiHop out")
	}
	if spec.EBGPMultiHop && n.Peer.IsInterface() {
		found.refuse("spec.ebgpMultiHop", problem.MutuallyExclusive, "a neighbor named by interface is one hop away; take ebgpMultiHop out")
	}
	ttlSecurity(in.Knobs, n, internal, found)
	sourceAddress(spec, n, found)
	if spec.Port > 16384 {
		found.refuse("spec.peerPort", problem.InvalidValue, fmt.Sprintf("%d is out of range: 1 to 16384", spec.Port))
	}
	if spec.Port != 179 {
		n.Port = spec.Port
	}
	timers(spec, n, found)
	p.routerID = routerID(spec, found)
	families(spec, n)
	// An external IPv6 neighbor is often on none of the node's subnets (addresses are /128 there), which FRR would refuse to connect to.
	n.DisableConnectedCheck = !n.Peer.IsInterface() && n.Peer.Addr().Is6() && !internal && !spec.EBGPMultiHop
	n.In = inboundName(n.Peer, p.vrf)
	bfd(spec, in.BFD, &p, internal, found)
	return p
}

func remoteAS(spec *v1beta2.BGPPeerSpec, found *issues) (remote frrconf.RemoteAS, internal bool) {
	switch {
	case spec.PeerASN != 0 && spec.DynamicASN != "":
		found.refuse("spec.dynamicASN", problem.MutuallyExclusive, "peerASN is set too; keep one of them")
	case spec.PeerASN != 0:
		return frrconf.RemoteASN(spec.PeerASN), spec.PeerASN == spec.MyASN
	case spec.DynamicASN == v1beta2.InternalASN:
		return frrconf.Internal, true
	case spec.DynamicASN == v1beta2.ExternalASN:
		return frrconf.External, false
	case spec.DynamicASN != "":
		found.refuse("spec.dynamicASN", problem.InvalidValue, fmt.Sprintf("%q is unknown; write internal or external", spec.DynamicASN))
	default:
		found.refuse("spec.peerASN", problem.Required, "set peerASN, 1 to 4294967295, or dynamicASN")
	}
	return frrconf.RemoteAS{}, false
}

func peerID(spec *v1beta2.BGPPeerSpec, found *issues, nodeAddresses []string) frrconf.PeerID {
	switch {
	case spec.Address != "" && spec.Interface != "":
		found.refuse("spec.interface", problem.MutuallyExclusive, "peerAddress is set too; keep one of them")
	case spec.Interface != "":
		peer, err := frrconf.PeerInterface(spec.Interface)
		if err != nil {
			found.refuse("spec.interface", problem.InvalidValue, err.Error())
		}
		return peer
	case spec.Address != "":
		addr, err := netip.ParseAddr(spec.Address)
		if err != nil {
			found.refuse("spec.peerAddress", problem.InvalidValue, fmt.Sprintf("%q is not an IP address", spec.Address))
			return frrconf.PeerID{}
		}
		if slices.ContainsFunc(nodeAddresses, func(own string) bool { a, err := netip.ParseAddr(own); return err == nil && a == addr }) {
			found.refuse("spec.peerAddress", problem.InvalidValue, fmt.Sprintf(
				"%s is this node's own address; exclude the node by nodeSelectors or name another router", spec.Address))
			return frrconf.PeerID{}
		}
		peer, err := frrconf.PeerAddress(addr)
		if err != nil {
			found.refuse("spec.peerAddress", problem.InvalidValue, err.Error())
		}
		return peer
	default:
		found.refuse("spec.peerAddress", problem.Required, "set peerAddress or interface")
	}
	return frrconf.PeerID{}
}

// localAS takes localASN where FRR does: towards external neighbors only, and not our own AS (seen running on 8.4).
func localAS(spec *v1beta2.BGPPeerSpec, n *frrconf.Neighbor, internal bool, found *issues) {
	switch {
	case spec.LocalASN == 0:
	case internal:
		found.refuse("spec.localASN", problem.MutuallyExclusive, "the session is iBGP, where both ends have myASN; take localASN out")
	case spec.LocalASN == spec.MyASN:
		found.refuse("spec.localASN", problem.InvalidValue, "it is myASN, which FRR shows anyway; take localASN out")
	case spec.LocalASN == spec.PeerASN:
		found.refuse("spec.localASN", problem.InvalidValue, "it is the neighbor's AS; FRR 8.4 refuses that")
	default:
		n.LocalAS = spec.LocalASN
	}
}

func sourceAddress(spec *v1beta2.BGPPeerSpec, n *frrconf.Neighbor, found *issues) {
	if spec.SrcAddress == "" {
		return
	}
	const field = "spec.sourceAddress"
	addr, err := netip.ParseAddr(spec.SrcAddress)
	switch {
	case err != nil:
		found.refuse(field, problem.InvalidValue, fmt.Sprintf("%q is not an IP address", spec.SrcAddress))
	case spec.Interface != "":
		found.refuse(field, problem.MutuallyExclusive, "a session by interface starts from the interface's link-local address; take sourceAddress out")
	case addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast():
		found.refuse(field, problem.InvalidValue, fmt.Sprintf("%s is not an address that a session can start from", addr))
	case n.Peer.Addr().IsValid() && addr.Is4() != n.Peer.Addr().Is4():
		found.refuse(field, problem.InvalidValue, fmt.Sprintf("%s is of another family than peerAddress %s", addr, n.Peer))
	default:
		n.UpdateSource = addr
	}
}

func routerID(spec *v1beta2.BGPPeerSpec, found *issues) netip.Addr {
	if spec.RouterID == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(spec.RouterID)
	if err != nil || !addr.Is4() || addr.IsUnspecified() {
		found.refuse("spec.routerID", problem.InvalidValue, fmt.Sprintf("%q is not a router ID; write it as an IPv4 address", spec.RouterID))
		return netip.Addr{}
	}
	return addr
}

// families says what the session carries: the family of its address, or both.
func families(spec *v1beta2.BGPPeerSpec, n *frrconf.Neighbor) {
	both := spec.DualStackAddressFamily || n.Peer.IsInterface()
	n.IPv4 = both || n.Peer.Addr().Is4()
	n.IPv6 = both || n.Peer.Addr().Is6()
}

// inboundName is MetalLB's name for a neighbor's inbound route-map, which extras rely on.
func inboundName(peer frrconf.PeerID, vrf frrconf.Name) frrconf.Name {
	s := peer.String()
	if !vrf.IsZero() {
		s += "-" + vrf.String()
	}
	name, _ := frrconf.NewName(s + "-in")
	return name
}

func bfd(spec *v1beta2.BGPPeerSpec, profile *v1beta1.BFDProfileSpec, p *peer, internal bool, found *issues) {
	if profile == nil {
		return
	}
	form, against := newBFDProfile(spec.BFDProfile, *profile)
	if against.refused() {
		found.refuse("spec.bfdProfile", problem.UnknownBFDProfile, fmt.Sprintf("BFDProfile %q is invalid", spec.BFDProfile))
		return
	}
	p.bfd, p.neighbor.BFDProfile = &form, form.Name
	multihop := internal || spec.EBGPMultiHop || p.neighbor.TTLSecurityHops > 1
	switch {
	case form.EchoMode && multihop:
		found.warn("spec.bfdProfile", problem.EchoNotSupported, fmt.Sprintf(
			"BFDProfile %q asks for echo mode, which a session that may pass routers can't have (RFC 5883, 3); FRR goes without", spec.BFDProfile))
	case form.EchoMode && p.neighbor.Peer.Addr().Is6():
		found.warn("spec.bfdProfile", problem.EchoNotSupported, fmt.Sprintf(
			"BFDProfile %q asks for echo mode, which works over IPv6 only when the neighbor is FRR too", spec.BFDProfile))
	}
}

// timers applies MetalLB's rules: none set leaves FRR's; one of two sets the other by the ratio of 3 (RFC 4271, 4.4).
func timers(spec *v1beta2.BGPPeerSpec, n *frrconf.Neighbor, found *issues) {
	if c := spec.ConnectTime; c != nil {
		switch seconds, err := wholeSeconds(c.Duration, "spec.connectTime", found); {
		case err != nil || seconds < 1:
			found.refuse("spec.connectTime", problem.InvalidValue, fmt.Sprintf("%s is out of range: whole seconds from 1s to 65535s", c.Duration))
		default:
			n.ConnectTime = seconds
		}
	}
	if spec.HoldTime == nil && spec.KeepaliveTime == nil {
		return
	}
	hold, keepalive := orZero(spec.HoldTime), orZero(spec.KeepaliveTime)
	switch {
	case spec.HoldTime == nil:
		hold = 3 * keepalive
	case spec.KeepaliveTime == nil:
		keepalive = hold / 3
	}
	if keepalive > hold {
		found.refuse("spec.keepaliveTime", problem.InvalidValue, fmt.Sprintf("%s is above the hold time, %s", keepalive, hold))
		return
	}
	holdField := "spec.holdTime"
	if spec.HoldTime == nil {
		holdField = "spec.keepaliveTime"
	}
	h, err := wholeSeconds(hold, holdField, found)
	if err != nil {
		found.refuse(holdField, problem.InvalidValue, err.Error())
		return
	}
	if keepalive > 0 && keepalive < time.Second && spec.KeepaliveTime != nil {
		found.refuse("spec.keepaliveTime", problem.InvalidValue, fmt.Sprintf("%s is below FRR's least, 1s", keepalive))
		return
	}
	var k uint16
	if spec.KeepaliveTime == nil {
		k = h / 3
	} else if k, err = wholeSeconds(keepalive, "spec.keepaliveTime", found); err != nil {
		found.refuse("spec.keepaliveTime", problem.InvalidValue, err.Error())
		return
	}
	if n.Timers, err = frrconf.NewTimers(k, h); err != nil {
		found.refuse(holdField, problem.InvalidValue, err.Error())
	}
}

func orZero(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

// wholeSeconds cuts a duration to FRR's unit, and says so.
func wholeSeconds(d time.Duration, field string, found *issues) (uint16, error) {
	if d < 0 || d > math.MaxUint16*time.Second {
		return 0, fmt.Errorf("%s is out of range: 0s to 65535s", d)
	}
	if d%time.Second != 0 {
		found.warn(field, problem.InvalidValue, fmt.Sprintf("%s is cut to %s: FRR counts whole seconds", d, d.Truncate(time.Second)))
	}
	return uint16(d / time.Second), nil
}
