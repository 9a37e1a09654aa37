package source

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// servedKind is a kind that an API server has or has not.
type servedKind struct {
	group, kind string
	// resource is the kind's name in paths of the API.
	resource string
	// private kinds matter in our namespace only, those of a namespace there, others in all; labels choose among them.
	private   bool
	namespace string
	labels    string
	// trim drops in place what nobody reads.
	trim func(runtime.Object)
	// optional kinds are not missed where they are not served.
	optional bool
	// wide kinds are read only where every node matters: no node needs them for itself.
	wide bool
}

var metallbKinds = []servedKind{
	{group: metallbGroup, kind: "BGPPeer", resource: "bgppeers", private: true, trim: trimUnstructured},
	{group: metallbGroup, kind: "IPAddressPool", resource: "ipaddresspools", private: true, trim: trimUnstructured},
	{group: metallbGroup, kind: "BGPAdvertisement", resource: "bgpadvertisements", private: true, trim: trimUnstructured},
	{group: metallbGroup, kind: "BFDProfile", resource: "bfdprofiles", private: true, trim: trimUnstructured},
	{group: metallbGroup, kind: "Community", resource: "communities", private: true, trim: trimUnstructured},
}

// gdcKinds are watched where they are asked for. Not among them is what only people read: BGPAdvertisedRoute. A node needs no NetworkGatewayNode: the manager
// has read it when it says who holds what, and each of a thousand nodes would be told of each of a thousand.
var gdcKinds = []servedKind{
	{group: networkingGroup, kind: "NetworkGatewayGroup", resource: "networkgatewaygroups", trim: trimGroup},
	{group: networkingGroup, kind: "NetworkGatewayNode", resource: "networkgatewaynodes", namespace: networkingv1.ReportNamespace, trim: trimReport, wide: true},
	{group: networkingGroup, kind: "BGPLoadBalancer", resource: "bgploadbalancers", trim: trimUnstructured},
	{group: networkingGroup, kind: "BGPPeer", resource: "bgppeers", trim: trimUnstructured},
	{
		group: networkingGroup, kind: "BGPSession", resource: "bgpsessions", namespace: networkingv1.ReportNamespace,
		labels: gateway.ManagedBy + "=" + gateway.Manager, trim: trimSession,
	},
	{group: baremetalGroup, kind: "Cluster", resource: "clusters", trim: trimUnstructured, optional: true},
	{group: baremetalGroup, kind: "NodePool", resource: "nodepools", trim: trimUnstructured, optional: true, wide: true},
	{group: baremetalGroup, kind: "ClusterCIDRConfig", resource: "clustercidrconfigs", trim: trimUnstructured, optional: true, wide: true},
}

func (k servedKind) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: k.group, Kind: k.kind}
}

// servedKinds are those that are watched.
func (c *cluster) servedKinds() []servedKind {
	out := slices.Clone(metallbKinds)
	for _, k := range gdcKinds {
		if c.options.GDC && (!k.wide || c.options.Node == everyNode) {
			out = append(out, k)
		}
	}
	return out
}

// servedFeed is the feed of a kind in whatever version.
func (c *cluster) servedFeed(k servedKind) feed {
	f := feed{group: k.group, kind: k.kind, namespace: k.namespace}
	if k.private {
		f.namespace = c.namespace()
	}
	return f
}

// mayBeUnserved tells whether kinds of a group may come and go.
func mayBeUnserved(group string) bool {
	return group == metallbGroup || group == networkingGroup || group == baremetalGroup
}

// versionsOf lists the versions of a kind that can be read, the newest first.
func versionsOf(kind schema.GroupKind) []string {
	var out []string
	for v := range handlings {
		if v.groupKind() == kind {
			out = append(out, v.version)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// How often it is looked whether kinds that are not served have come: soon at first, then less often, since every node asks, and seldom where only such
// are missing that most clusters never have.
const (
	lookFirst  = time.Second
	lookMost   = 8 * time.Second
	lookSeldom = 2 * time.Minute
	lookNever  = time.Duration(0)
)

func sooner(a, b time.Duration) time.Duration {
	if a == lookNever || b == lookNever {
		return max(a, b)
	}
	return min(a, b)
}

// watchServed watches kinds that an API server has or has not, each in the newest version that it serves and we can read. Kinds that come, go or
// change their version are followed: a watch that is answered "not found" has it looked up at once.
func (c *cluster) watchServed(ctx context.Context) {
	watches := &servedWatches{running: map[schema.GroupKind]*servedWatch{}, missing: map[schema.GroupKind]int{}}
	defer watches.end()
	groups := map[string][]servedKind{}
	for _, k := range c.servedKinds() {
		groups[k.group] = append(groups[k.group], k)
	}
	wait := lookFirst
	for ctx.Err() == nil {
		most := lookNever
		for group, kinds := range groups {
			most = sooner(most, c.lookUp(ctx, group, kinds, watches))
		}
		if !c.lookAgain(ctx, most == lookNever, min(wait, most)) {
			return
		}
		wait = max(lookFirst, min(2*wait, most))
	}
}

// servedWatches are those that run, and how often in a row kinds were missed.
type servedWatches struct {
	running map[schema.GroupKind]*servedWatch
	missing map[schema.GroupKind]int
}

func (w *servedWatches) end() {
	for _, one := range w.running {
		one.end()
	}
}

// lookUp finds out which kinds of a group are served and follows them; it tells within what time to look again.
func (c *cluster) lookUp(ctx context.Context, group string, kinds []servedKind, watches *servedWatches) time.Duration {
	discovery := feed{group: group, kind: "APIGroup"}
	served, err := c.served(ctx, group, kinds)
	if err != nil {
		if ctx.Err() == nil {
			c.health.unreachable(discovery, err)
			for _, k := range kinds { // feeds that are waited for tell why
				c.gathering.fail(c.servedFeed(k), cause(err), nil)
			}
		}
		return lookMost
	}
	c.health.worked(discovery)
	out := lookNever
	for _, k := range kinds {
		// Who has no MetalLB in GDC mode misses none of its kinds.
		k.optional = k.optional || c.options.GDC && k.group == metallbGroup && len(served) == 0
		out = sooner(out, c.follow(ctx, k, served[k.kind], watches))
	}
	return out
}

// lookAgain waits until it is worth looking again, false when ctx ends.
func (c *cluster) lookAgain(ctx context.Context, settled bool, wait time.Duration) bool {
	var timer <-chan time.Time
	if !settled {
		timer = time.After(wait/2 + rand.N(wait))
	}
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case <-c.doubt:
	}
	return true
}

// lookAnew has it looked up which kinds are served.
func (c *cluster) lookAnew() {
	select {
	case c.doubt <- struct{}{}:
	default:
	}
}

// servedWatch is the watch of one kind in one version.
type servedWatch struct {
	version string
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func (w *servedWatch) end() {
	if w != nil {
		w.cancel()
		w.done.Wait()
	}
}

// absences is how many looks in a row must miss a kind before it counts as gone: API servers learn of kinds one after the other.
const absences = 2

// follow watches a kind as it is served now; it tells within what time to look again.
func (c *cluster) follow(ctx context.Context, k servedKind, served []string, watches *servedWatches) time.Duration {
	kind := k.groupKind()
	versions := versionsOf(kind)
	i := slices.IndexFunc(versions, func(v string) bool { return slices.Contains(served, v) })
	if i >= 0 {
		watches.missing[kind] = 0
		c.begin(ctx, k, versions[i], watches)
		return lookNever
	}
	if watches.missing[kind]++; watches.missing[kind] < absences {
		return lookMost
	}
	watches.running[kind].end()
	delete(watches.running, kind)
	c.unserved(ctx, k, served)
	if k.optional {
		return lookSeldom
	}
	return lookMost
}

// unserved takes in that a kind is not served, or in no version that can be read.
func (c *cluster) unserved(ctx context.Context, k servedKind, served []string) {
	f := c.servedFeed(k)
	crd := problem.Object{Kind: "CustomResourceDefinition", Group: "apiextensions.k8s.io", Name: k.resource + "." + k.group}
	defined, asked := c.defined(ctx, crd.Name)
	if !asked && c.gathering.hasRead(f) {
		why := "the API server serves it no more, and forbids to ask whether it is still defined"
		c.gathering.fail(f, why, &problem.Problem{
			Severity: problem.Error, Object: crd, Reason: problem.Forbidden, Message: why + "; let this program's account " + mayAsk + "; what was read before stays in use",
		})
		return
	}
	if len(served) > 0 || defined {
		c.gathering.fail(f, "it is not served in a version that can be read", &problem.Problem{
			Severity: problem.Error, Object: crd, Field: "spec.versions", Reason: problem.NotServed, Message: fmt.Sprintf(
				"%s can be read in version %s, and is not served in it; serve that, too; what was read before stays in use",
				k.kind, strings.Join(versionsOf(k.groupKind()), " or ")),
		})
		return
	}
	if k.optional {
		c.gathering.absent(f, nil)
		return
	}
	why := fmt.Sprintf("the API server has no kind %s, so there are no objects of it; it is read as soon as its definition is installed", k.kind)
	if !asked {
		why += "; whether there is one can't be asked: let this program's account " + mayAsk
	}
	c.gathering.absent(f, &problem.Problem{Severity: problem.Warning, Object: crd, Reason: problem.NotServed, Message: why})
}

// mayAsk is the right that defined needs.
const mayAsk = "get customresourcedefinitions.apiextensions.k8s.io in the cluster"

// defined tells whether a kind that is not served has a definition, and perhaps objects, all the same; asked is false without the right to ask. Then
// what was read stays, and what never was counts as not there.
func (c *cluster) defined(ctx context.Context, name string) (yes, asked bool) {
	ctx, cancel := context.WithTimeout(ctx, kubewatch.ListTimeout)
	defer cancel()
	var definition metav1.PartialObjectMetadata
	err := c.ask(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", &definition)
	return err == nil || !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err), !apierrors.IsForbidden(err)
}

// begin watches a kind in a version, unless that is watched already.
func (c *cluster) begin(ctx context.Context, k servedKind, version string, watches *servedWatches) {
	before := watches.running[k.groupKind()]
	if before != nil && before.version == version {
		return
	}
	before.end()
	own, cancel := context.WithCancel(ctx)
	w := &servedWatch{version: version, cancel: cancel}
	watches.running[k.groupKind()] = w
	w.done.Go(func() { c.watch(own, c.watchedKind(k, version)) })
}

// served are the versions in which each kind of a group is served.
func (c *cluster) served(ctx context.Context, group string, kinds []servedKind) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, kubewatch.ListTimeout)
	defer cancel()
	out := map[string][]string{}
	var known metav1.APIGroup
	switch err := c.ask(ctx, "/apis/"+group, runtime.ContentTypeJSON, &known); {
	case apierrors.IsNotFound(err):
		return out, nil
	case err != nil:
		return nil, err
	}
	for _, v := range known.Versions {
		var list metav1.APIResourceList
		switch err := c.ask(ctx, "/apis/"+group+"/"+v.Version, runtime.ContentTypeJSON, &list); {
		case apierrors.IsNotFound(err):
			continue // it has just gone
		case err != nil:
			return nil, err
		}
		for _, r := range list.APIResources {
			if slices.ContainsFunc(kinds, func(k servedKind) bool { return k.kind == r.Kind && k.resource == r.Name }) {
				out[r.Kind] = append(out[r.Kind], v.Version)
			}
		}
	}
	return out, nil
}

func (c *cluster) ask(ctx context.Context, path, as string, into any) error {
	data, err := c.clients.Core.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", as).DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
