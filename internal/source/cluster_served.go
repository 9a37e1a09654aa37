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

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// resources are the names of MetalLB's kinds in paths of the API.
var resources = map[string]string{
	"BGPPeer": "bgppeers", "IPAddressPool": "ipaddresspools", "BGPAdvertisement": "bgpadvertisements", "BFDProfile": "bfdprofiles",
	"Community": "communities",
}

// versionsOf lists the versions of a kind that can be read, the newest first.
func versionsOf(kind string) []string {
	var out []string
	for v := range handlings {
		if v.group == metallbGroup && v.kind == kind {
			out = append(out, v.version)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// How often it is looked whether kinds that are not served have come: soon at first, then less often, since every node asks.
const (
	lookFirst = time.Second
	lookMost  = 8 * time.Second
)

// watchMetalLB watches MetalLB's kinds, each in the newest version that the API server serves and we can read. Kinds that come, go or change
// their version are followed: a watch that is answered "not found" has it looked up at once.
func (c *cluster) watchMetalLB(ctx context.Context) {
	running := map[string]*metallbWatch{}
	defer func() {
		for _, w := range running {
			w.end()
		}
	}()
	discovery := feed{group: metallbGroup, kind: "APIGroup"}
	missing := map[string]int{}
	wait := lookFirst
	for ctx.Err() == nil {
		served, err := c.served(ctx)
		settled := err == nil
		if err != nil && ctx.Err() == nil {
			c.health.unreachable(discovery, err)
			c.unknown(cause(err))
		}
		if err == nil {
			c.health.worked(discovery)
			for kind := range resources {
				settled = c.follow(ctx, kind, served[kind], running, missing) && settled
			}
		}
		if !c.lookAgain(ctx, settled, wait) {
			return
		}
		wait = min(2*wait, lookMost)
		if settled {
			wait = lookFirst
		}
	}
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

// unknown tells feeds that are waited for why.
func (c *cluster) unknown(why string) {
	for kind := range resources {
		c.gathering.fail(c.metallbFeed(kind), why, nil)
	}
}

// metallbWatch is the watch of one kind in one version.
type metallbWatch struct {
	version string
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func (w *metallbWatch) end() {
	if w != nil {
		w.cancel()
		w.done.Wait()
	}
}

// absences is how many looks in a row must miss a kind before it counts as gone: API servers learn of kinds one after the other.
const absences = 2

// follow watches a kind as it is served now; it tells whether that is settled.
func (c *cluster) follow(ctx context.Context, kind string, served []string, running map[string]*metallbWatch, missing map[string]int) bool {
	i := slices.IndexFunc(versionsOf(kind), func(v string) bool { return slices.Contains(served, v) })
	if i >= 0 {
		missing[kind] = 0
		c.begin(ctx, kind, versionsOf(kind)[i], running)
		return true
	}
	if missing[kind]++; missing[kind] < absences {
		return false
	}
	running[kind].end()
	delete(running, kind)
	f := c.metallbFeed(kind)
	crd := problem.Object{Kind: "CustomResourceDefinition", Group: "apiextensions.k8s.io", Name: resources[kind] + "." + metallbGroup}
	readable := strings.Join(versionsOf(kind), " or ")
	defined, asked := c.defined(ctx, crd.Name)
	if !asked && c.gathering.hasRead(f) {
		why := "the API server serves it no more, and forbids to ask whether it is still defined"
		c.gathering.fail(f, why, &problem.Problem{
			Severity: problem.Error, Object: crd, Reason: problem.Forbidden, Message: why + "; let this program's account " + mayAsk + "; what was read before stays in use",
		})
		return false
	}
	if len(served) > 0 || defined {
		c.gathering.fail(f, "it is not served in a version that can be read", &problem.Problem{
			Severity: problem.Error, Object: crd, Field: "spec.versions", Reason: problem.NotServed, Message: fmt.Sprintf(
				"%s can be read in version %s, and is not served in it; serve that, too; what was read before stays in use", kind, readable),
		})
		return false
	}
	why := fmt.Sprintf("the API server has no kind %s, so there are no objects of it; it is read as soon as its definition is installed", kind)
	if !asked {
		why += "; whether there is one can't be asked: let this program's account " + mayAsk
	}
	c.gathering.absent(f, &problem.Problem{Severity: problem.Warning, Object: crd, Reason: problem.NotServed, Message: why})
	return false
}

// mayAsk is the right that defined needs.
const mayAsk = "get customresourcedefinitions.apiextensions.k8s.io in the cluster"

// defined tells whether a kind that is not served has a definition, and perhaps objects, all the same; asked is false without the right to ask. Then
// what was read stays, and what never was counts as not there.
func (c *cluster) defined(ctx context.Context, name string) (yes, asked bool) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var definition metav1.PartialObjectMetadata
	err := c.ask(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", &definition)
	return err == nil || !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err), !apierrors.IsForbidden(err)
}

// begin watches a kind in a version, unless that is watched already.
func (c *cluster) begin(ctx context.Context, kind, version string, running map[string]*metallbWatch) {
	if w := running[kind]; w != nil && w.version == version {
		return
	}
	running[kind].end()
	own, cancel := context.WithCancel(ctx)
	w := &metallbWatch{version: version, cancel: cancel}
	running[kind] = w
	w.done.Go(func() { c.watch(own, c.metallbKind(kind, version)) })
}

// served are the versions in which each of MetalLB's kinds is served.
func (c *cluster) served(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	out := map[string][]string{}
	var group metav1.APIGroup
	switch err := c.ask(ctx, "/apis/"+metallbGroup, runtime.ContentTypeJSON, &group); {
	case apierrors.IsNotFound(err):
		return out, nil
	case err != nil:
		return nil, err
	}
	for _, v := range group.Versions {
		var list metav1.APIResourceList
		switch err := c.ask(ctx, "/apis/"+metallbGroup+"/"+v.Version, runtime.ContentTypeJSON, &list); {
		case apierrors.IsNotFound(err):
			continue // it has just gone
		case err != nil:
			return nil, err
		}
		for _, r := range list.APIResources {
			if resources[r.Kind] == r.Name {
				out[r.Kind] = append(out[r.Kind], v.Version)
			}
		}
	}
	return out, nil
}

func (c *cluster) ask(ctx context.Context, path, as string, into any) error {
	data, err := c.clients.core.Get().AbsPath(path).SetHeader("Accept", as).DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
