package translate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Knobs are what MetalLB's kinds have no field for: annotations, by name without snapshot.AnnotationPrefix. docs/knobs.md has the table.
const (
	asPathPrepend      = "as-path-prepend"
	medKnob            = "med"
	serviceCommunities = "service-communities"
	endpointPolicy     = "endpoint-policy"
	communitiesKnob    = "communities"
	gracefulShutdown   = "graceful-shutdown"
	ttlSecurityHops    = "ttl-security-hops"
)

// knobs of each kind. The agent reads allow-resets.
var knobs = map[string][]string{
	"BGPAdvertisement": {asPathPrepend, endpointPolicy, medKnob, serviceCommunities},
	"BGPPeer":          {ttlSecurityHops},
	"Node":             {"allow-resets", gracefulShutdown},
	"Service":          {communitiesKnob, endpointPolicy},
}

// The values of endpointPolicy.
const (
	readyOnly      = "ReadyOnly"
	readyOrServing = "ReadyOrServing"
)

// maxPrepend is how often an AS number can be put before a path: more only makes routers drop the route.
const maxPrepend = 10

// maxUnknown is how many unknown annotations of one object are named: an object may have thousands.
const maxUnknown = 5

// knobField is how a problem names an annotation.
func knobField(name string) string {
	return "metadata.annotations[" + snapshot.AnnotationPrefix + cut(name) + "]"
}

// cut keeps what a user wrote from filling a message: an annotation may have 256 KiB.
func cut(s string) string {
	const longest = 64
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "..."
}

// knobsOf are the annotations of an object that are knobs of its kind; nil for none. Others of ours are named.
func knobsOf(kind string, all map[string]string, found *issues) map[string]string {
	ours := snapshot.Annotations(all)
	warnUnknownKnobs(kind, ours, found)
	maps.DeleteFunc(ours, func(name, _ string) bool { return !slices.Contains(knobs[kind], name) })
	if len(ours) == 0 {
		return nil
	}
	return ours
}

// warnUnknownKnobs names annotations with our prefix that the kind does not have.
func warnUnknownKnobs(kind string, ours map[string]string, found *issues) {
	told := 0
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if !slices.Contains(knobs[kind], name) && told < maxUnknown {
			told++
			found.warn(knobField(name), problem.UnknownAnnotation, fmt.Sprintf("%s has no such annotation; it is ignored%s", kind, meant(kind, name)))
		}
	}
}

// meant says what a name may have been meant for: the nearest knob of the kind, or the kind that has it.
func meant(kind, name string) string {
	nearest, least := "", 4
	for _, k := range knobs[kind] {
		if d := problem.Distance(cut(strings.ToLower(name)), k); d < least {
			nearest, least = k, d
		}
	}
	if nearest != "" {
		return "; did you mean " + snapshot.AnnotationPrefix + nearest + "?"
	}
	for _, other := range slices.Sorted(maps.Keys(knobs)) {
		if slices.Contains(knobs[other], name) {
			return "; it belongs to a " + other
		}
	}
	return ""
}

// number reads an annotation that is a number. Not ok: it is not there, or refused.
func (i *issues) number(set map[string]string, name string, least, most uint64) (n uint64, ok bool) {
	value, there := set[name]
	if !there {
		return 0, false
	}
	n, err := decimal(value, 32)
	if err != nil || n < least || n > most {
		i.refuse(knobField(name), problem.InvalidValue, fmt.Sprintf("%q is out of range: write a number from %d to %d, or take the annotation out",
			cut(value), least, most))
		return 0, false
	}
	return n, true
}

// readKnobs reads the annotations of an advertisement.
func (a *advert) readKnobs(set map[string]string, found *issues) {
	if n, ok := found.number(set, asPathPrepend, 1, maxPrepend); ok {
		a.prepend = int(n)
	}
	if n, ok := found.number(set, medKnob, 0, 1<<32-1); ok {
		med := uint32(n)
		a.med = &med
	}
	a.allows = newAllowList(set[serviceCommunities], found)
	switch value, there := set[endpointPolicy]; {
	case !there, value == readyOrServing:
	case value == readyOnly:
		a.readyOnly = true
	default:
		found.refuse(knobField(endpointPolicy), problem.InvalidValue, badPolicy(value))
	}
}

func badPolicy(value string) string {
	return fmt.Sprintf("%q is unknown; write %s or %s", cut(value), readyOnly, readyOrServing)
}

// ttlSecurity reads how far a neighbor may be for its packets to count (RFC 5082). Both ends must check, or send with a TTL of 255.
func ttlSecurity(set map[string]string, n *frrconf.Neighbor, internal bool, found *issues) {
	hops, ok := found.number(set, ttlSecurityHops, 1, 254)
	field := knobField(ttlSecurityHops)
	switch {
	case !ok:
	case internal:
		found.refuse(field, problem.MutuallyExclusive, "the session is iBGP, which may pass routers; take the annotation out")
	case n.EBGPMultihop:
		found.refuse(field, problem.MutuallyExclusive, "ebgpMultiHop is set too, and FRR takes one of them; keep the annotation, which lets the session pass routers as well")
	case hops > 1 && n.Peer.IsInterface():
		found.refuse(field, problem.MutuallyExclusive, "a neighbor named by interface is one hop away; write 1")
	default:
		n.TTLSecurityHops = uint8(hops)
	}
}

// nodeKnobs reads the annotations of the node: whether it is being drained. A cordon says nothing of that, nor does a restart of ours.
func (t *translation) nodeKnobs() bool {
	var found issues
	draining := false
	warnUnknownKnobs("Node", t.snap.Node.Annotations, &found)
	switch value, there := t.snap.Node.Annotations[gracefulShutdown]; {
	case !there, value == "false":
	case value == "true":
		draining = true
	default:
		found.warn(knobField(gracefulShutdown), problem.InvalidValue, fmt.Sprintf("%q is neither true nor false; the node is not drained", cut(value)))
	}
	t.report(problem.Object{Kind: "Node", Name: t.snap.Node.Name}, found, "")
	return draining
}

// drain has every instance of a node that is drained ask its neighbors to prefer other routes (RFC 8326). It resets no session, neither
// coming nor going (seen on 8.4 and 10.3).
func (t *translation) drain(instances []frrconf.Instance) {
	draining := t.nodeKnobs()
	for i := range instances {
		instances[i].GracefulShutdown = draining
	}
}

// kindsWithout names our annotations on kinds that have none.
func (t *translation) kindsWithout() {
	for _, o := range t.snap.Pools {
		t.unknownKnobs("IPAddressPool", o.Name, o.Annotations)
	}
	for _, o := range t.snap.BFDProfiles {
		t.unknownKnobs("BFDProfile", o.Name, o.Annotations)
	}
	for _, o := range t.snap.Communities {
		t.unknownKnobs("Community", o.Name, o.Annotations)
	}
}

func (t *translation) unknownKnobs(kind, name string, annotations map[string]string) {
	var found issues
	warnUnknownKnobs(kind, snapshot.Annotations(annotations), &found)
	t.report(problem.Object{Kind: kind, Group: groupMetalLB, Namespace: t.snap.Namespace, Name: name}, found, "")
}
