package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// How many requests a second, and at once, but for watches that go on.
const (
	often  = 50
	atOnce = 100
)

func newClients(config *rest.Config) (*kubewatch.Clients, error) {
	config = rest.CopyConfig(config)
	config.Wrap(kubewatch.Impatient)
	return kubewatch.NewClients(config, often, atOnce)
}

// watchedKind is one feed, and how its objects are had.
type watchedKind struct {
	feed     feed
	resource string
	lists    cache.ListWatch
	// trim drops in place what nobody reads, as soon as an object has arrived.
	trim func(runtime.Object)
	// read makes an entry of an object; false: it is no business of ours.
	read func(runtime.Object) (entry, bool)
}

const everyNamespace = metav1.NamespaceAll

// coreKinds are those that every API server has.
func (c *cluster) coreKinds() []watchedKind {
	core := func(resource, namespace string, options func(*metav1.ListOptions)) cache.ListWatch {
		return *cache.NewFilteredListWatchFromClient(c.clients.Core.CoreV1().RESTClient(), resource, namespace, options)
	}
	node, extras, balanced := named(c.options.Node), named(extrasName), c.balanced.Choose
	if c.options.Node == everyNode {
		all := func(*metav1.ListOptions) {}
		node, balanced = all, all
	}
	kinds := []watchedKind{
		{
			feed: feed{kind: "Node", name: c.options.Node}, resource: "nodes", lists: core("nodes", everyNamespace, node),
			trim: c.trimNode, read: entryOf("", "Node"),
		},
		{
			feed: feed{kind: "Service"}, resource: "services",
			lists: core("services", everyNamespace, balanced), trim: trimService, read: c.readService,
		},
		{
			feed: feed{group: discoveryv1.GroupName, kind: "EndpointSlice"}, resource: "endpointslices",
			lists: *cache.NewFilteredListWatchFromClient(c.clients.Core.DiscoveryV1().RESTClient(), "endpointslices", everyNamespace, func(o *metav1.ListOptions) {
				o.LabelSelector = discoveryv1.LabelServiceName
			}),
			trim: c.trimEndpointSlice, read: entryOf(discoveryv1.GroupName, "EndpointSlice"),
		},
		{
			feed: feed{kind: "ConfigMap", namespace: c.namespace(), name: extrasName}, resource: "configmaps",
			lists: core("configmaps", c.namespace(), extras), trim: trimConfigMap, read: entryOf("", "ConfigMap"),
		},
	}
	if c.options.GDC && c.options.Node != everyNode {
		kinds = append(kinds, watchedKind{
			feed: feed{kind: "Node", but: c.options.Node}, resource: "nodes", lists: core("nodes", everyNamespace, others(c.options.Node)),
			trim: c.trimNode, read: entryOf("", "Node"),
		})
	}
	return kinds
}

func (c *cluster) secretKind(name string) watchedKind {
	return watchedKind{
		feed: feed{kind: "Secret", namespace: c.namespace(), name: name}, resource: "secrets",
		lists: *cache.NewFilteredListWatchFromClient(c.clients.Core.CoreV1().RESTClient(), "secrets", c.namespace(), named(name)), trim: trimSecret, read: entryOf("", "Secret"),
	}
}

// watchedKind is a kind in a version. Its objects are taken as they come, and each is decoded by itself with the rules for files: what
// stands in one of them can't hurt another.
func (c *cluster) watchedKind(k servedKind, version string) watchedKind {
	f := c.servedFeed(k)
	client := c.clients.Dynamic.Resource(schema.GroupVersionResource{Group: k.group, Version: version, Resource: k.resource}).Namespace(f.namespace)
	return watchedKind{feed: f, resource: k.resource, trim: k.trim, read: c.readUnstructured, lists: kubewatch.Objects(client, k.labels)}
}

func named(name string) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) { o.FieldSelector = "metadata.name=" + name }
}

// others has the API server choose all but one.
func others(name string) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) { o.FieldSelector = "metadata.name!=" + name }
}

// entryOf reads an object of a kind that API servers check themselves.
func entryOf(group, kind string) func(runtime.Object) (entry, bool) {
	return func(o runtime.Object) (entry, bool) {
		object, err := meta.Accessor(o)
		if err != nil {
			return entry{}, false
		}
		object.SetResourceVersion("")
		identity := problem.Object{Group: group, Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
		return entry{identity: identity, object: object}, true
	}
}

// watch keeps a feed up to date until ctx ends, and tells how that went.
func (c *cluster) watch(ctx context.Context, k watchedKind) {
	lists, watches := &refusals{}, &refusals{watches: true}
	lists.other, watches.other = watches, lists
	kubewatch.Watch{
		Name: k.feed.String(), Lists: k.lists, Keeper: &keeper{c.gathering, k}, Trim: k.trim,
		Again:  func(err error) bool { return c.unselects(k, err) },
		Listed: func(ctx context.Context, err error) { c.heard(ctx, k, lists, err) },
		Watched: func(ctx context.Context, err error, streams bool) {
			switch {
			case streams && apierrors.IsInvalid(err):
				c.noStreams.Do(func() {
					c.log.Info("the API server can't stream objects to a watch; they are listed first", "kind", k.feed.String(), "why", cause(err))
				})
			case streams && apierrors.IsBadRequest(err): // the list, which comes next, tells why
			default:
				c.heard(ctx, k, watches, err)
			}
		},
		Changed: func() { c.health.changed(k.feed) },
	}.Run(ctx)
	c.health.ended(k.feed)
}

// unselects takes in that the API server can't choose Services by their type: all of them are read then, and it is told once.
func (c *cluster) unselects(k watchedKind, err error) bool {
	if k.feed.kind != "Service" || !c.balanced.Refused(err) {
		return false
	}
	c.log.Warn("the API server can't choose Services by their type: all are read, which costs it and this node more; newer versions can",
		"selector", kubewatch.Balanced, "why", cause(err))
	return true
}

// refusals is since when the API server refuses to list or to watch a feed, in ns; 0: it does not. Who may do one of them may lack the other.
type refusals struct {
	watches bool // rather than lists
	other   *refusals
	since   atomic.Int64
}

// certain takes in one more refusal, and tells whether that is to be believed.
func (r *refusals) certain() bool {
	r.since.CompareAndSwap(0, time.Now().UnixNano())
	return time.Since(time.Unix(0, r.since.Load())) >= refusalTime
}

// refusalTime is how long the API server must say "forbidden" to be believed: one that starts does not know its roles at once.
const refusalTime = 3 * time.Second

// heard takes in how a request went.
func (c *cluster) heard(ctx context.Context, k watchedKind, r *refusals, err error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the feed has ended
	case err == nil:
		r.since.Store(0)
		c.health.worked(k.feed)
		if r.watches {
			r.other.since.Store(0)
			c.gathering.hears(k.feed)
		}
		if r.other.since.Load() == 0 {
			c.health.opened(k.feed)
		}
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
	case apierrors.IsForbidden(err):
		c.health.worked(k.feed)
		c.health.lost(k.feed)
		c.forbidden(k, r.watches, r.certain())
	case apierrors.IsNotFound(err) && mayBeUnserved(k.feed.group):
		c.lookAnew()
	case k.feed.kind == "Secret" && undecryptable(err):
		c.health.failed(k.feed, err)
		c.unreadable(k, cause(err), r.certain())
	default:
		if apierrors.IsUnauthorized(err) {
			err = fmt.Errorf("%w: the API server does not know who asks (401): the token or certificate has expired or was revoked; "+
				"renew it where the kubeconfig says, or the pod", err)
		}
		c.health.failed(k.feed, err)
		c.gathering.fail(k.feed, cause(err), nil)
	}
}

// undecryptable tells whether the API server can't read what it has stored. Once it was restarted it says so of all Secrets where it can't decrypt
// one of them, and that its storage is not ready.
func undecryptable(err error) bool {
	return apierrors.IsInternalError(err) || apierrors.IsTooManyRequests(err) && strings.Contains(err.Error(), "initializing")
}

// unreadable takes in that the API server fails at one Secret: one that it can't decrypt stays so until somebody mends it, and the node does not
// wait for that.
func (c *cluster) unreadable(k watchedKind, why string, certain bool) {
	if !certain {
		c.gathering.fail(k.feed, why, nil)
		return
	}
	c.gathering.fail(k.feed, why, &problem.Problem{
		Severity: problem.Error, Object: k.feed.object(), Reason: problem.InvalidSecret,
		Message: fmt.Sprintf("the API server can't read it: %q; make it anew if that stays; peers that use it keep their last good form", why),
	})
}

// forbidden takes in that the API server forbids to list or to watch.
func (c *cluster) forbidden(k watchedKind, watches, certain bool) {
	where := "in all namespaces"
	if k.feed.namespace != "" {
		where = "in namespace " + k.feed.namespace
	}
	resource := schema.GroupResource{Group: k.feed.group, Resource: k.resource}
	why := fmt.Sprintf("the API server forbids it; let this program's account list and watch %s %s", resource, where)
	if !certain {
		c.gathering.fail(k.feed, why, nil)
		return
	}
	answer := problem.Problem{Severity: problem.Error, Object: k.feed.object(), Reason: problem.Forbidden, Message: why + "; what was read before stays in use"}
	if watches && c.gathering.deaf(k.feed, answer, fmt.Sprintf(
		"the API server forbids to watch it; let this program's account watch %s %s; it is listed anew every few seconds instead", resource, where)) {
		return
	}
	c.gathering.fail(k.feed, why, &answer)
	c.health.refused(k.feed, why)
}

// keeper hands what was read to the gathering.
type keeper struct {
	gathering *gathering
	kind      watchedKind
}

// Put implements kubewatch.Keeper.
func (k *keeper) Put(object runtime.Object) {
	e, ours := k.kind.read(object)
	if ours {
		k.gathering.put(k.kind.feed, e)
		return
	}
	k.gathering.remove(k.kind.feed, e.identity)
}

// Remove implements kubewatch.Keeper.
func (k *keeper) Remove(object runtime.Object) {
	e, _ := k.kind.read(object)
	k.gathering.remove(k.kind.feed, e.identity)
}

// Replace implements kubewatch.Keeper.
func (k *keeper) Replace(objects []runtime.Object, _ string) {
	entries := make([]entry, 0, len(objects))
	for _, object := range objects {
		if e, ours := k.kind.read(object); ours {
			entries = append(entries, e)
		}
	}
	k.gathering.replace(k.kind.feed, entries)
}
