package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// CopyFieldManager is the name under which the API server notes what is copied.
const CopyFieldManager = "frr-renderer-copy"

// Source is where people edit the objects that are copied here: GDC's admin cluster.
type Source struct {
	// Config says how its API server is reached.
	Config *rest.Config
	// Namespace of the cluster's objects, there and here.
	Namespace string
}

// CopyReport is how copying goes, at the manager that works.
type CopyReport struct {
	Namespace string `json:"namespace"`
	// Blocked says why nothing is copied now; empty: what the source has is had here, but for what troubles and problems say.
	Blocked string `json:"blocked,omitempty"`
	// Copies is how many objects here follow the source.
	Copies int `json:"copies"`
	// Watches of the source, as those of Report.
	Watches []Watch `json:"watches"`
}

// How long the source may be out of reach before people are told at the Cluster, how long what is gone there must be, and how often one object is overwritten:
// somebody else may write it, too.
const (
	blockedFor    = 30 * time.Second
	goneFor       = 5 * time.Second
	overwriteFree = 5
	overwriteEach = 10 * time.Second
	overwriteCalm = time.Minute
	copiesSecond  = 10
	copiesAtOnce  = 50
)

// copier makes this API server have what the source has. It works beside the manager's worker, so neither waits for the other.
type copier struct {
	manager *Manager
	source  Source
	away    dynamic.Interface
	limit   flowcontrol.RateLimiter

	// For others to read; hears is how the source's watches are. All are nil while this manager does not work.
	state    atomic.Pointer[CopyReport]
	hears    atomic.Pointer[health]
	problems atomic.Pointer[[]problem.Problem]

	// What follows is of one term.
	there, here *copySide
	pauses      pauses
	overwritten map[copyKey]overwritten
	normal      map[copyKey]normalized
	gone        map[copyKey]time.Time
	blocked     time.Time // since when
}

// overwritten is how often an object was overwritten without a minute's rest.
type overwritten struct {
	last time.Time
	runs int
}

// normalized is a spec that was written, and what the API server made of it: defaults may come, and unknown fields go.
type normalized struct{ asked, got any }

func newCopier(m *Manager, s Source) (*copier, error) {
	clients, err := kubewatch.NewClients(s.Config, -1, 0)
	if err != nil {
		return nil, fmt.Errorf("use the API server of the source: %w", err)
	}
	return &copier{manager: m, source: s, away: clients.Dynamic, limit: flowcontrol.NewTokenBucketRateLimiter(copiesSecond, copiesAtOnce)}, nil
}

// run copies until ctx ends. What was seen in a term before is forgotten: others may have worked since.
func (c *copier) run(ctx context.Context) {
	t, namespace := c.manager.trouble, c.source.Namespace
	c.there = newCopySide("source", "the source of copies can't be read; nothing is copied until it can, and what is here stays", namespace, c.away, t)
	c.here = newCopySide("here", "what was copied can't be read here, so nothing is copied", namespace, c.manager.clients.Dynamic, t)
	c.pauses, c.overwritten, c.normal, c.gone = pauses{}, map[copyKey]overwritten{}, map[copyKey]normalized{}, map[copyKey]time.Time{}
	c.blocked = time.Time{}
	c.hears.Store(c.there.health)
	var watches sync.WaitGroup
	for _, kind := range copiedKinds {
		watches.Go(func() { c.there.watch(ctx, kind) })
		watches.Go(func() { c.here.watch(ctx, kind) })
	}
	for ctx.Err() == nil {
		c.rest(ctx, c.round(ctx))
	}
	watches.Wait()
	c.state.Store(nil)
	c.hears.Store(nil)
	c.problems.Store(nil)
}

// rest waits for a change on either side, at most that long, and a little for those that come with it.
func (c *copier) rest(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.there.store.wake:
		restFor(ctx, nil, collect)
	case <-c.here.store.wake:
		restFor(ctx, nil, collect)
	}
}

// round compares the two API servers, writes what differs, and tells when to look again if nothing changes.
func (c *copier) round(ctx context.Context) time.Duration {
	plan, again := copyPlan{blocked: c.unheard()}, never
	here := c.here.objects()
	if plan.blocked == "" {
		plan = planCopies(c.source.Namespace, c.there.objects(), here, c.same)
		c.expect(plan)
	}
	again = min(again, c.calm(), c.tell(plan, here))
	for _, change := range plan.changes {
		wait, stop := c.change(ctx, change)
		again = min(again, wait)
		if stop {
			break
		}
	}
	return again
}

// unheard says what can't be read now; empty: everything is.
func (c *copier) unheard() string {
	for _, s := range []*copySide{c.there, c.here} {
		if kinds := s.unheard(); len(kinds) > 0 {
			return fmt.Sprintf("%s not read yet, or not heard of any more (%s)", strings.Join(kinds, ", "), s.sort)
		}
	}
	return ""
}

// same tells whether the API server has made the one of the other before.
func (c *copier) same(k copyKey, there, here any) bool {
	n, known := c.normal[k]
	return known && reflect.DeepEqual(n.asked, there) && reflect.DeepEqual(n.got, here)
}

// calm forgets what was overwritten a minute ago and not since, and tells when to do so again.
func (c *copier) calm() time.Duration {
	again := never
	for k, o := range c.overwritten {
		if left := overwriteCalm - time.Since(o.last); left > 0 {
			again = min(again, left)
			continue
		}
		delete(c.overwritten, k)
		c.manager.trouble.over("copy again "+k.String(), "nobody else writes the object any more")
	}
	return again
}

// expect takes in what the plan says: why nothing can be copied, and since when which copies are to be deleted.
func (c *copier) expect(plan copyPlan) {
	if plan.blocked == "" {
		c.manager.trouble.over("copy blocked", "the source can be copied")
	} else {
		c.manager.trouble.tell("copy blocked", plan.blocked)
	}
	still := map[copyKey]time.Time{}
	for _, change := range plan.changes {
		if change.delete {
			still[change.key] = c.gone[change.key]
			if still[change.key].IsZero() {
				still[change.key] = time.Now()
			}
		}
	}
	c.gone = still
}

// tell makes known how copying goes, and tells when that is to be looked at again.
func (c *copier) tell(plan copyPlan, here copyObjects) time.Duration {
	again, problems := never, plan.problems
	if plan.blocked == "" {
		c.blocked = time.Time{}
	} else if c.blocked.IsZero() {
		c.blocked = time.Now()
	}
	switch lasts := time.Since(c.blocked); {
	case plan.blocked == "":
	case lasts < blockedFor:
		again = blockedFor - lasts
	default:
		for _, k := range here.of(clusterKind) {
			problems = append(problems, problem.Problem{Severity: problem.Warning, Object: k.object(c.source.Namespace), Reason: problem.NotCopied,
				Message: "nothing is copied from the source, and what is here stays: " + plan.blocked})
		}
	}
	copies := plan.copies
	if plan.blocked != "" {
		for _, v := range here {
			if isCopy(v.object) {
				copies++
			}
		}
	}
	c.state.Store(&CopyReport{Namespace: c.source.Namespace, Blocked: plan.blocked, Copies: copies})
	if was := c.problems.Swap(&problems); was == nil && len(problems) > 0 || was != nil && !reflect.DeepEqual(*was, problems) {
		c.manager.store.changed() // the worker tells people
	}
	return again
}

// change makes one write, and tells when it is to be tried again, and whether all others are to wait.
func (c *copier) change(ctx context.Context, change copyChange) (again time.Duration, stop bool) {
	k := change.key
	switch {
	case !c.manager.Leading():
		return retryPeriod, true
	case c.pauses[everything].left() > 0:
		return c.pauses[everything].left(), true
	case c.pauses[k.String()].left() > 0:
		return c.pauses[k.String()].left(), false
	}
	if wait := c.hold(change); wait > 0 {
		return wait, false
	}
	if c.limit.Wait(ctx) != nil {
		return 0, true
	}
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	after, err := c.put(limited, change)
	if err != nil {
		return c.failed(ctx, k, err)
	}
	c.done(change, after)
	return never, false
}

// hold is how long a change is to wait: a deletion, since who replaces an object deletes it first, and floating IPs would move; and one that comes again and again.
func (c *copier) hold(change copyChange) time.Duration {
	k := change.key
	if change.delete {
		return goneFor - time.Since(c.gone[k])
	}
	if o := c.overwritten[k]; o.runs >= overwriteFree {
		c.manager.trouble.tell("copy again "+k.String(), "an object changes again and again, at the source or here, so it is copied every ten seconds only: find out who writes it here",
			"object", k.String(), "namespace", c.source.Namespace)
		return overwriteEach - time.Since(o.last)
	}
	return 0
}

// put asks for the change; nil: the object is deleted.
func (c *copier) put(ctx context.Context, change copyChange) (*unstructured.Unstructured, error) {
	client := c.here.of(change.key.kind)
	switch {
	case change.is == nil:
		u := &unstructured.Unstructured{Object: map[string]any{"spec": change.spec}}
		u.SetGroupVersionKind(copiedResources[change.key.kind].GroupVersion().WithKind(change.key.kind))
		u.SetNamespace(c.source.Namespace)
		u.SetName(change.key.name)
		u.SetLabels(change.labels)
		return client.Create(ctx, u, metav1.CreateOptions{FieldManager: CopyFieldManager})
	case change.delete:
		uid := change.is.object.GetUID()
		return nil, client.Delete(ctx, change.key.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &change.is.at}})
	}
	// The whole spec, and for the version that was seen: server-side apply would leave fields that somebody has added here.
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/resourceVersion", "value": change.is.at},
		{"op": "add", "path": "/metadata/labels", "value": change.labels},
		{"op": "add", "path": "/spec", "value": change.spec},
	})
	if err != nil {
		return nil, err
	}
	return client.Patch(ctx, change.key.name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: CopyFieldManager})
}

// done takes in what became of a change.
func (c *copier) done(change copyChange, after *unstructured.Unstructured) {
	m, k := c.manager, change.key
	m.options.Meter.Wrote(k.kind, Written)
	delete(c.pauses, k.String())
	delete(c.pauses, everything)
	m.trouble.over("copy write", "copies can be written again")
	m.trouble.over("copy write "+k.String(), "the copy can be written")
	if after == nil {
		m.log.Info("a copy was deleted, since the source has the object no more", "kind", k.kind, "namespace", c.source.Namespace, "name", k.name)
		c.here.store.drop(k.kind, key{Namespace: c.source.Namespace, Name: k.name}, change.is.at) // one with finalizers comes again by the watch
		return
	}
	trimSpec(after)
	if got := after.Object["spec"]; !reflect.DeepEqual(got, change.spec) {
		c.normal[k] = normalized{change.spec, got}
		m.log.Info("the API server here keeps another form of an object than the source has: defaults, or fields that it does not know", "kind", k.kind, "name", k.name)
	}
	c.here.store.put(k.kind, after)
	m.log.Info("an object was copied from the source", "kind", k.kind, "namespace", c.source.Namespace, "name", k.name, "new", change.is == nil)
	if change.is != nil {
		c.overwritten[k] = overwritten{time.Now(), c.overwritten[k].runs + 1}
	}
}

// failed sorts out why a write failed.
func (c *copier) failed(ctx context.Context, k copyKey, err error) (again time.Duration, stop bool) {
	m := c.manager
	missing := apierrors.IsNotFound(err) && !strings.Contains(err.Error(), fmt.Sprintf("%q not found", k.name)) // its namespace, or kind
	switch {
	case ctx.Err() != nil:
		return 0, true
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && !missing: // the watch brings what there is now
		m.options.Meter.Wrote(k.kind, Conflict)
		return c.pauses.more(k.String()), false
	case isRefusal(err):
		m.options.Meter.Wrote(k.kind, Refused)
		m.trouble.tell("copy write "+k.String(), "a copy can't be written; it is tried again, others go on", "object", k.String(), "namespace", c.source.Namespace, "error", err.Error())
		return c.pauses.more(k.String()), false
	}
	m.options.Meter.Wrote(k.kind, Failed)
	m.trouble.tell("copy write", "copies can't be written; what is here stays until they can", "object", k.String(), "error", err.Error())
	return c.pauses.more(everything), true
}

// report is how copying goes; nil where it does not.
func (c *copier) report() *CopyReport {
	if c == nil {
		return nil
	}
	is, health := c.state.Load(), c.hears.Load()
	if is == nil || health == nil {
		return nil
	}
	out := *is
	out.Watches = health.report()
	return &out
}

// found are the problems of what is not copied.
func (c *copier) found() []problem.Problem {
	if c == nil {
		return nil
	}
	if p := c.problems.Load(); p != nil {
		return *p
	}
	return nil
}
