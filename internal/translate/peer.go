package translate

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// peer is a BGPPeer that can be used: one neighbor, and what its instance must be.
type peer struct {
	name     string // of the object, by which advertisements refer to it
	asn      uint32
	vrf      frrconf.Name
	routerID netip.Addr // the zero Addr: not set
	neighbor frrconf.Neighbor
	bfd      *frrconf.BFDProfile
}

// id is the identity of a neighbor on a node: no two may share it.
type id struct {
	vrf  frrconf.Name
	peer frrconf.PeerID
}

// peers chooses the neighbors of the node, oldest first.
func (t *translation) peers(known profiles) []peer {
	var contenders []contender[peer]
	var goods []goodPeer
	for _, p := range t.snap.Peers {
		c, good := t.peerContender(p, known)
		if c != nil {
			contenders = append(contenders, *c)
			goods = append(goods, good)
		}
	}
	accepted := conflicts{owners: map[id]string{}, instances: map[frrconf.Name]instanceOwner{}}
	chosen := settle(t, contenders, rules[peer]{accepted.conflict, accepted.take})
	var out []peer
	for i, s := range chosen {
		if s == nil {
			continue
		}
		out = append(out, s.form)
		name := contenders[i].object.Name
		t.next.peers[name] = goods[i]
		if s.stale {
			t.next.peers[name] = t.lastGood.peers[name]
		}
	}
	if len(contenders) == 0 {
		t.report(problem.Object{Kind: "Node", Name: t.snap.Node.Name}, issues{{
			severity: problem.Warning,
			reason:   problem.NoPeerOnNode,
			message:  "no BGPPeer selects this node: it has no BGP session and announces nothing",
		}}, "")
	}
	return out
}

// peerContender reads a BGPPeer; nil when it does not select the node.
func (t *translation) peerContender(p *v1beta2.BGPPeer, known profiles) (*contender[peer], goodPeer) {
	c := &contender[peer]{object: problem.Object{Kind: "BGPPeer", Group: groupMetalLB, Namespace: p.Namespace, Name: p.Name}}
	good := found(t.lastGood.peers, p.Name)
	selected, err := selects(p.Spec.NodeSelectors, t.snap.Node.Labels)
	if err != nil {
		c.found.refuse("spec.nodeSelectors"+err.at, problem.InvalidValue, err.Error())
	} else if !selected {
		return nil, goodPeer{}
	}
	now := goodPeer{Spec: *p.Spec.DeepCopy()}
	now.password = t.password(p, &c.found)
	now.Spec.Password = ""
	if name := p.Spec.BFDProfile; name != "" {
		spec, ok := known.usable[name]
		switch {
		case ok:
			now.BFD = spec.DeepCopy()
		case known.broken[name]:
			c.found.refuse("spec.bfdProfile", problem.UnknownBFDProfile, fmt.Sprintf("BFDProfile %q is invalid; mend it", name))
		default:
			c.found.refuse("spec.bfdProfile", problem.UnknownBFDProfile,
				fmt.Sprintf("BFDProfile %q does not exist; create it or take the name out", name))
		}
	}
	form := newPeer(p.Name, now, &c.found, t.snap.Node.Addresses)
	warnDuplicates(&c.found, "spec.nodeSelectors", p.Spec.NodeSelectors)
	switch {
	case !c.found.refused():
		c.now = &form
	case c.found.onlyReferences():
		c.dangling = &form
	}
	if good != nil {
		var against issues
		if form := newPeer(p.Name, *good, &against, t.snap.Node.Addresses); !against.refused() {
			c.good = &form
			c.unchanged = c.now != nil && reflect.DeepEqual(now, *good)
		}
	}
	return c, now
}

// conflicts knows the peers that were accepted, and what speaks against another one.
type conflicts struct {
	owners    map[id]string
	instances map[frrconf.Name]instanceOwner
}

// instanceOwner is what the first peer of a VRF has settled for all.
type instanceOwner struct {
	asn        uint32
	asnOf      string
	routerID   netip.Addr
	routerIDOf string
}

func (c *conflicts) conflict(p peer) *issue {
	key := id{p.vrf, p.neighbor.Peer}
	if owner, taken := c.owners[key]; taken {
		field := "spec.peerAddress"
		if p.neighbor.Peer.IsInterface() {
			field = "spec.interface"
		}
		return &issue{problem.Error, field, problem.ConflictingPeer, fmt.Sprintf(
			"%s%s is already the neighbor of BGPPeer %q on this node; delete one of them, or keep them apart by nodeSelectors or vrf",
			p.neighbor.Peer, inVRF(p.vrf), owner)}
	}
	instance, ok := c.instances[p.vrf]
	if !ok {
		return nil
	}
	if instance.asn != p.asn {
		return &issue{problem.Error, "spec.myASN", problem.ConflictingASN, fmt.Sprintf(
			"BGPPeer %q has myASN %d%s on this node; one VRF of a node has one AS number", instance.asnOf, instance.asn, inVRF(p.vrf))}
	}
	if p.routerID.IsValid() && instance.routerID.IsValid() && p.routerID != instance.routerID {
		return &issue{problem.Error, "spec.routerID", problem.ConflictingRouterID, fmt.Sprintf(
			"BGPPeer %q has routerID %s%s on this node; one VRF of a node has one router ID: set the same or none",
			instance.routerIDOf, instance.routerID, inVRF(p.vrf))}
	}
	return nil
}

func (c *conflicts) take(p peer) {
	instance, ok := c.instances[p.vrf]
	if !ok {
		instance = instanceOwner{asn: p.asn, asnOf: p.name}
	}
	if p.routerID.IsValid() {
		instance.routerID, instance.routerIDOf = p.routerID, cmp.Or(instance.routerIDOf, p.name)
	}
	c.instances[p.vrf], c.owners[id{p.vrf, p.neighbor.Peer}] = instance, p.name
}

func inVRF(vrf frrconf.Name) string {
	if vrf.IsZero() {
		return ""
	}
	return fmt.Sprintf(" in VRF %s", vrf)
}

// password finds the password of a peer, in its spec or its Secret.
func (t *translation) password(p *v1beta2.BGPPeer, found *issues) frrconf.Password {
	field, value := "spec.password", p.Spec.Password
	if ref := p.Spec.PasswordSecret; ref.Name != "" {
		if value != "" {
			found.refuse("spec.passwordSecret", problem.MutuallyExclusive, "password is set too; keep one of them")
			return frrconf.Password{}
		}
		if ref.Namespace != "" && ref.Namespace != p.Namespace {
			found.warn("spec.passwordSecret.namespace", problem.InvalidValue, fmt.Sprintf(
				"Secrets are read from namespace %s only; this field is ignored", p.Namespace))
		}
		field = "spec.passwordSecret"
		secret, ok := t.snap.Secrets[ref.Name]
		switch {
		case !ok:
			found.refuse(field, problem.UnknownSecret, fmt.Sprintf("Secret %s/%s does not exist; create it (type %s, key %q)",
				p.Namespace, ref.Name, corev1.SecretTypeBasicAuth, corev1.BasicAuthPasswordKey))
			return frrconf.Password{}
		case secret.Type != corev1.SecretTypeBasicAuth:
			found.refuse(field, problem.InvalidSecret, fmt.Sprintf("Secret %s/%s has type %q; it must be %s",
				p.Namespace, ref.Name, secret.Type, corev1.SecretTypeBasicAuth))
			return frrconf.Password{}
		case !secret.HasPassword:
			found.refuse(field, problem.InvalidSecret, fmt.Sprintf("Secret %s/%s has no key %q", p.Namespace, ref.Name, corev1.BasicAuthPasswordKey))
			return frrconf.Password{}
		}
		value = secret.Password
		if value == "" {
			found.refuse(field, problem.InvalidSecret, fmt.Sprintf("Secret %s/%s has an empty password", p.Namespace, ref.Name))
			return frrconf.Password{}
		}
	}
	if value == "" {
		return frrconf.Password{}
	}
	password, err := frrconf.NewPassword(value.Reveal())
	if err != nil {
		message := err.Error()
		if trimmed := strings.TrimRight(value.Reveal(), "\r\n"); trimmed != value.Reveal() {
			message = "the password ends in a line break; write the Secret without one (printf, not echo)"
		}
		found.refuse(field, problem.InvalidValue, message)
	}
	return password
}

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
		if slices.Contains(nodeAddresses, spec.Address) {
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
	multihop := internal || spec.EBGPMultiHop
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

// selectorError tells which of several selectors can't be read.
type selectorError struct {
	at  string
	err error
}

func (e *selectorError) Error() string { return e.err.Error() }

// selects tells whether any of the selectors matches; none at all match everything.
func selects(selectors []metav1.LabelSelector, set map[string]string) (bool, *selectorError) {
	matched := len(selectors) == 0
	for i := range selectors {
		s, err := metav1.LabelSelectorAsSelector(&selectors[i])
		if err != nil {
			return false, &selectorError{fmt.Sprintf("[%d]", i), err}
		}
		matched = matched || s.Matches(labels.Set(set))
	}
	return matched, nil
}

// warnDuplicates names list entries that repeat an earlier one; they change nothing.
func warnDuplicates[E any](found *issues, field string, list []E) {
	for i := range list {
		for j := range i {
			if reflect.DeepEqual(list[i], list[j]) {
				found.warn(fmt.Sprintf("%s[%d]", field, i), problem.DuplicateEntry, fmt.Sprintf("the same as entry %d; take it out", j))
				break
			}
		}
	}
}
