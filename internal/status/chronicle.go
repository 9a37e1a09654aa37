package status

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

// Reasons of Events about Services and objects, beside those of problems.
const (
	nodeAssigned  = "nodeAssigned"  // MetalLB's: the node announces the Service
	nodeWithdrawn = "nodeWithdrawn" // it does so no more
	mended        = "Mended"        // an object of which something was wrong is used as it is
	eventsLeftOut = "EventsLeftOut" // more happened than Events are written for
)

// Lookup finds an object as it is now: its UID, empty where a manifest has none, and whether it is there.
type Lookup func(problem.Object) (uid types.UID, exists bool)

// chronicle decides what Events say: it compares what is with what was told.
type chronicle struct {
	node string
	told *told
	// services has what tenants cause, objects what administrators do: neither keeps the other waiting.
	services, objects *herald
	// alone tells that nobody else says the same: a manager, not one node of many.
	alone bool
	// before is what was announced when it was looked at last; nil: all is to be looked at.
	before []translate.Announcement
}

// announces tells of the Services that this node announces now and did not before, and the other way round. It looks at those that changed since
// it was called last, and at those of which something waits to be told; all: at every one. Announcements are sorted, as Translate returns them.
func (c *chronicle) announces(announcements []translate.Announcement, find Lookup, all bool) {
	if all || c.before == nil {
		c.before = nil
		for _, key := range c.told.servicesTold() {
			c.look(key, announcements, find)
		}
	}
	for _, key := range c.services.waiting() {
		c.look(key, announcements, find)
	}
	for was, is := range changes(c.before, announcements) {
		if is != nil {
			c.service(serviceKey(is.Namespace, is.Name), *is)
		} else {
			c.gone(serviceKey(was.Namespace, was.Name), find)
		}
	}
	c.before = announcements
	c.services.flush()
}

// look tells what is to be told of a Service that something was told of, or is to be.
func (c *chronicle) look(key string, announcements []translate.Announcement, find Lookup) {
	namespace, name, _ := cutKey(key)
	i, here := slices.BinarySearchFunc(announcements, translate.Announcement{Namespace: namespace, Name: name}, byService)
	if here {
		c.service(key, announcements[i])
	} else {
		c.gone(key, find)
	}
}

// changes are the Services of two sorted lists that are not the same in both: as they were and as they are, nil for none.
func changes(before, now []translate.Announcement) iter.Seq2[*translate.Announcement, *translate.Announcement] {
	return func(yield func(was, is *translate.Announcement) bool) {
		for i, j := 0, 0; i < len(before) || j < len(now); {
			var was, is *translate.Announcement
			switch order := orderAt(before, i, now, j); {
			case order < 0:
				was = &before[i]
				i++
			case order > 0:
				is = &now[j]
				j++
			default:
				was, is = &before[i], &now[j]
				i, j = i+1, j+1
				if was.UID == is.UID && was.Reason == is.Reason && (len(was.Peers) > 0) == (len(is.Peers) > 0) {
					continue
				}
			}
			if !yield(was, is) {
				return
			}
		}
	}
}

// orderAt tells which of two lists comes first: negative for before[i], positive for now[j].
func orderAt(before []translate.Announcement, i int, now []translate.Announcement, j int) int {
	switch {
	case i == len(before):
		return 1
	case j == len(now):
		return -1
	}
	return byService(before[i], now[j])
}

func byService(a, b translate.Announcement) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

const serviceKeys = "Service "

func serviceKey(namespace, name string) string { return serviceKeys + namespace + "/" + name }

func (c *chronicle) service(key string, a translate.Announcement) {
	before, mark := c.told.of(key), announcedMark(a.UID)
	about := serviceReference(a.Namespace, a.Name, a.UID)
	switch on := a.Reason == translate.Announced && len(a.Peers) > 0; {
	case on && before == mark, !on && before == "":
		c.services.unsay(key)
	case on:
		c.services.say(key, saying{
			about: about, kind: corev1.EventTypeNormal, reason: nodeAssigned, action: "Announce", mark: mark, sort: "announced",
			note: fmt.Sprintf("announcing from node %q with protocol %q", c.node, "bgp"),
		})
	case before != mark:
		c.told.set(key, "") // the one that was announced is gone; this one has its name
		c.services.unsay(key)
	default:
		c.withdrawn(key, about, why(a))
	}
}

// gone is a Service that was announced and is none to announce any more: deleted, or of another type or class.
func (c *chronicle) gone(key string, find Lookup) {
	namespace, name, _ := cutKey(key)
	uid, exists := find(problem.Object{Kind: "Service", Namespace: namespace, Name: name})
	if !exists || announcedMark(uid) != c.told.of(key) {
		c.told.set(key, "")
		c.services.unsay(key)
		return
	}
	c.withdrawn(key, serviceReference(namespace, name, uid), "it is no LoadBalancer any more, or one of another loadBalancerClass")
}

func (c *chronicle) withdrawn(key string, about corev1.ObjectReference, why string) {
	c.services.say(key, saying{
		about: about, kind: corev1.EventTypeNormal, reason: nodeWithdrawn, action: "Withdraw", sort: "withdrawn",
		note: fmt.Sprintf("no longer announced from node %q with protocol %q: %s", c.node, "bgp", why),
	})
}

// announcedMark tells Services of one name apart.
func announcedMark(uid types.UID) string { return "announced " + string(uid[:min(8, len(uid))]) }

// why says in a sentence why a Service is not announced, with MetalLB's word.
func why(a translate.Announcement) string {
	sentences := map[translate.Reason]string{
		translate.Announced:               "no BGPPeer of this node gets it: look at spec.peers of the BGPAdvertisements and at the families of the peers",
		translate.NoIPAllocated:           "it has no address",
		translate.InvalidIP:               "its status holds something that is no address",
		translate.IPNotAllowed:            "its addresses don't lie in one IPAddressPool",
		translate.NotOwner:                "no BGPAdvertisement announces its IPAddressPool from this node",
		translate.NoMatchingAdvertisement: "no BGPAdvertisement takes a Service with its labels",
		translate.NodeNetworkUnavailable:  "the node's condition NetworkUnavailable is true",
		translate.NodeExcluded:            "the node is labelled " + corev1.LabelNodeExcludeBalancers,
		translate.NoEndpoints:             "it has no endpoint that is ready or serving",
		translate.NoLocalEndpoints:        "externalTrafficPolicy is Local, and no endpoint on this node is ready or serving",
		translate.NoReadyEndpoints:        "no endpoint that counts is ready, which the endpoint policy asks for",
	}
	if s, ok := sentences[a.Reason]; ok && a.Reason != translate.Announced {
		return s + " (" + string(a.Reason) + ")"
	} else if ok {
		return s
	}
	return string(a.Reason)
}

// finds tells of objects that something is wrong with, and of those that are mended.
func (c *chronicle) finds(problems []problem.Problem, find Lookup) {
	by := map[string][]problem.Problem{}
	for _, p := range problems {
		if p.Object.Kind != "" && p.Object.Kind != "Node" {
			key := p.Object.String()
			by[objectKeys+key] = append(by[objectKeys+key], p)
		}
	}
	for _, key := range sorted(by) {
		c.object(key, by[key], find)
	}
	for _, key := range c.told.objectsTold() {
		if by[key] == nil {
			c.mended(key, find)
		}
	}
	c.objects.flush()
}

const objectKeys = "problem "

func (c *chronicle) object(key string, problems []problem.Problem, find Lookup) {
	object := problems[0].Object
	uid, _ := find(object)
	mark := objectMark(object, uid, problems)
	if c.told.of(key) == mark {
		c.objects.unsay(key)
		return
	}
	var said []string
	for _, p := range problems {
		said = append(said, sentence(p))
	}
	if object.Name == "" {
		c.objects.say(key, c.nameless(object, saying{
			kind: corev1.EventTypeWarning, reason: string(problems[0].Reason), action: "Read", mark: mark, sort: "kinds with problems", note: strings.Join(said, "; "),
		}))
		return
	}
	c.objects.say(key, saying{
		about: objectReference(object, uid), kind: corev1.EventTypeWarning, reason: string(problems[0].Reason), action: "Use", mark: mark,
		sort: "objects with problems", shared: !c.alone, note: strings.Join(said, "; "),
	})
}

// nameless is an Event about all objects of a kind, which this node can't read, say: there is none to write it to but the node.
func (c *chronicle) nameless(object problem.Object, s saying) saying {
	s.about = c.objects.speaks.self
	s.note = object.String() + " " + s.note
	return s
}

// objectMark holds the object in clear, to say of it that it is mended, and what was said as a hash.
func objectMark(object problem.Object, uid types.UID, problems []problem.Problem) string {
	parts := []string{string(uid)}
	for _, p := range problems {
		parts = append(parts, string(p.Severity), p.Field, string(p.Reason), p.Message)
	}
	return strings.Join([]string{short(parts...), string(problems[0].Reason), object.Kind, object.Group, object.Namespace, object.Name}, "|")
}

// mended tells that nothing is wrong any more with an object that is still there.
func (c *chronicle) mended(key string, find Lookup) {
	part := strings.Split(c.told.of(key), "|")
	if len(part) != 6 {
		c.told.set(key, "")
		return
	}
	object := problem.Object{Kind: part[2], Group: part[3], Namespace: part[4], Name: part[5]}
	if object.Name == "" {
		c.objects.say(key, c.nameless(object, saying{
			kind: corev1.EventTypeNormal, reason: mended, action: "Read", sort: "mended kinds", note: fmt.Sprintf("nothing is wrong any more (was: %s)", part[1]),
		}))
		return
	}
	uid, exists := find(object)
	if !exists {
		c.told.set(key, "")
		c.objects.unsay(key)
		return
	}
	c.objects.say(key, saying{
		about: objectReference(object, uid), kind: corev1.EventTypeNormal, reason: mended, action: "Use", sort: "mended objects", shared: !c.alone,
		note: fmt.Sprintf("what was told of it is over (was: %s)", part[1]),
	})
}

func nodeReference(node string) corev1.ObjectReference {
	// The UID of Events about a node is its name, as kubelet has it: kubectl describe looks for both.
	return corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node, UID: types.UID(node)}
}

func serviceReference(namespace, name string, uid types.UID) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: name, UID: uid}
}

func objectReference(o problem.Object, uid types.UID) corev1.ObjectReference {
	version := "v1"
	switch {
	case o.Group == v1beta2.GroupVersion.Group && o.Kind == "BGPPeer": // others have a BGPPeer, too
		version = v1beta2.GroupVersion.String()
	case o.Group == v1beta1.GroupVersion.Group:
		version = v1beta1.GroupVersion.String()
	case o.Kind == "ClusterCIDRConfig":
		version = o.Group + "/v1alpha1"
	case o.Group != "":
		version = o.Group + "/v1"
	}
	return corev1.ObjectReference{APIVersion: version, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: uid}
}

// cutKey takes the key of a Service apart.
func cutKey(key string) (namespace, name string, ok bool) {
	return strings.Cut(strings.TrimPrefix(key, serviceKeys), "/")
}
