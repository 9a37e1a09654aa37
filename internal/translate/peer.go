package translate

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

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

// prepended is the AS number that the session puts before paths that are to look longer: the one that the neighbor sees anyway; 0 for an
// internal neighbor, which would take its own AS number in a path for a loop (RFC 4271, 9.1.2).
func (p peer) prepended() uint32 {
	switch {
	case p.neighbor.RemoteAS == frrconf.Internal || p.neighbor.RemoteAS == frrconf.RemoteASN(p.asn):
		return 0
	case p.neighbor.LocalAS != 0:
		return p.neighbor.LocalAS
	}
	return p.asn
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
	for _, object := range lost(t, "BGPPeer", t.lastGood.peers, t.snap.Peers) {
		var against issues
		form := newPeer(object.Name, t.lastGood.peers[object.Name], &against, t.snap.Node.Addresses)
		if !against.refused() {
			contenders, goods = append(contenders, contender[peer]{object: object, good: &form}), append(goods, goodPeer{})
		}
	}
	accepted := conflicts{owners: map[id]string{}, instances: map[frrconf.Name]instanceOwner{}}
	chosen := settle(t, contenders, rules[peer]{conflict: accepted.conflict, take: accepted.take})
	out := remember(contenders, chosen, goods, t.lastGood.peers, t.next.peers)
	if len(contenders) == 0 && t.snap.Gateway == nil {
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
		t.seen.fate(c.object, OtherNodes)
		return nil, goodPeer{}
	}
	now := goodPeer{Spec: *p.Spec.DeepCopy()}
	now.Knobs = knobsOf("BGPPeer", p.Annotations, &c.found)
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
	if said := t.lastGood.refused.peer(p.Name, now); said != nil {
		c.found = append(c.found, *said)
	}
	switch {
	case !c.found.refused():
		c.now = &form
	case c.found.onlyReferences():
		c.dangling = &form
	}
	if good != nil {
		var against issues
		if form := newPeer(p.Name, *good, &against, t.snap.Node.Addresses); !against.refused() && t.lastGood.refused.peer(p.Name, *good) == nil {
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
		case !ok && t.snap.MayExist(problem.Object{Kind: "Secret", Namespace: p.Namespace, Name: ref.Name}):
			found.refuse(field, problem.UnknownSecret, fmt.Sprintf("Secret %s/%s can't be read now, if it exists; other problems tell why", p.Namespace, ref.Name))
			return frrconf.Password{}
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
