package source

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// feed is one thing that is watched: all objects of a kind, or the one of a name.
type feed struct {
	group, kind string
	namespace   string // of its objects, as far as all are in one
	name        string
	but         string // an object that is another feed's
}

// String names it for people.
func (f feed) String() string {
	switch {
	case f.but != "":
		return "other " + f.kindName() + "s"
	case f.name == "":
		return f.kindName()
	}
	return f.kind + " " + f.name
}

// kindName tells the two BGPPeers apart.
func (f feed) kindName() string {
	if f.group == networkingGroup {
		return f.kind + "." + f.group
	}
	return f.kind
}

func (f feed) groupKind() schema.GroupKind { return schema.GroupKind{Group: f.group, Kind: f.kind} }

var (
	serviceKind       = schema.GroupKind{Kind: "Service"}
	endpointSliceKind = schema.GroupKind{Group: discoveryv1.GroupName, Kind: "EndpointSlice"}
)

// object is what the feed's own problems are about.
func (f feed) object() problem.Object {
	return problem.Object{Kind: f.kind, Group: f.group, Namespace: f.namespace, Name: f.name}
}

func (f feed) holds(o problem.Object) bool {
	return o.Kind == f.kind && o.Group == f.group && (f.name == "" || o.Name == f.name) && (f.but == "" || o.Name != f.but)
}

// vital kinds are waited for at the start whatever happens: without any of them everything announced would be withdrawn, and no last good
// form stands in for them.
func (f feed) vital() bool {
	return f.kind == "Service" || f.kind == "EndpointSlice" || f.kind == "Node" || f.group == networkingGroup || f.group == baremetalGroup
}

// isNode tells whether the feed is the node itself.
func (f feed) isNode() bool { return f.kind == "Node" && f.name != "" }

// reading is how far a feed has come.
type reading struct {
	// read: everything that there is was read once. answered: the API server has said why it can't be read, and that is all there will be.
	read, answered bool
	// why it was not read yet, as far as that is known.
	why string
	// trouble is what is wrong with the feed as a whole.
	trouble *problem.Problem
	// deaf is why its changes don't come, where it can be listed: that stays whatever a list brings.
	deaf *problem.Problem
}

// gathering puts together what the feeds have read. Its work per result is that of the objects that changed, and one pass over the pointers
// of their kinds.
type gathering struct {
	mu    sync.Mutex
	feeds map[feed]*reading
	kinds map[schema.GroupKind]*kindObjects
	// shelf is nil where the endpoints of every node matter.
	shelf *endpointShelf
	// burst is what has happened since the last settling.
	burst burst
	// wake has a value when anything has happened; progress is closed when a feed has come further.
	wake     chan struct{}
	progress chan struct{}
	changed  bool   // an object, since the last result
	last     Result // but for its objects
}

// kindObjects are the objects of one kind.
type kindObjects struct {
	list *list
	// changes are not in the list yet; nil: deleted.
	changes map[problem.Object]metav1.Object
	// troubled are objects with problems; unread are those of them that have no form to use.
	troubled map[problem.Object][]problem.Problem
	unread   map[problem.Object]bool
}

func newGathering(node string, places bool) *gathering {
	g := &gathering{
		feeds: map[feed]*reading{}, kinds: map[schema.GroupKind]*kindObjects{}, wake: make(chan struct{}, 1), progress: make(chan struct{}),
	}
	if node != everyNode {
		g.shelf = newEndpointShelf(node, places)
	}
	return g
}

// add begins a feed.
func (g *gathering) add(f feed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.feeds[f] = &reading{}
	if g.kinds[f.groupKind()] == nil {
		g.kinds[f.groupKind()] = &kindObjects{
			list: &list{}, changes: map[problem.Object]metav1.Object{}, troubled: map[problem.Object][]problem.Problem{}, unread: map[problem.Object]bool{},
		}
	}
}

// drop ends a feed; its objects go.
func (g *gathering) drop(f feed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clear(f, nil)
	delete(g.feeds, f)
	g.note()
}

// put takes in an object as it is now.
func (g *gathering) put(f feed, e entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.feeds[f]; r != nil {
		g.take(f, e)
		if f.isNode() {
			r.settled() // it was waited for, or gone
		}
		g.note()
	}
}

// remove takes in that an object was deleted.
func (g *gathering) remove(f feed, o problem.Object) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.feeds[f]; r != nil {
		if f.isNode() {
			r.trouble = lostNode(f)
		} else {
			g.forget(f, o)
		}
		g.note()
	}
}

// replace takes in all objects that a feed has.
func (g *gathering) replace(f feed, entries []entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.feeds[f]
	if r == nil {
		return
	}
	g.note()
	if f.isNode() && len(entries) == 0 {
		g.missNode(f, r)
		return
	}
	here := make(map[problem.Object]bool, len(entries))
	for _, e := range entries {
		here[e.identity] = true
		g.take(f, e)
	}
	g.clear(f, here)
	r.settled()
}

// missNode is when the API server has no such Node. A node without labels would be another node: it is waited for, and once seen it is kept,
// since whoever runs this runs on it.
func (g *gathering) missNode(f feed, r *reading) {
	if r.read {
		r.trouble = lostNode(f)
		return
	}
	r.why = "there is no such Node"
}

func lostNode(f feed) *problem.Problem {
	return &problem.Problem{
		Severity: problem.Warning, Object: f.object(), Reason: problem.UnknownNode,
		Message: "the API server has this Node no more; its last labels and conditions stay in use until it is there again",
	}
}

// fail takes in why a feed can't be read for now; what it has read stays. An answer is one that will not change by itself.
func (g *gathering) fail(f feed, why string, answer *problem.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.feeds[f]
	if r == nil || r.why == why && sameProblem(r.trouble, answer) {
		return
	}
	r.why = why
	if answer != nil {
		r.trouble, r.answered = answer, true
	}
	g.note()
}

// hasRead tells whether a feed's objects were read, so that some may be there.
func (g *gathering) hasRead(f feed) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.kinds[f.groupKind()]
	return g.feeds[f].read && len(k.list.entries)+len(k.changes)+len(k.unread) > 0
}

// absent takes in that the API server has no such kind (any more), so no objects of it.
func (g *gathering) absent(f feed, why *problem.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.feeds[f]
	if r.read && sameProblem(r.trouble, why) {
		return
	}
	g.clear(f, nil)
	r.settled()
	r.trouble = why
	g.note()
}

func sameProblem(a, b *problem.Problem) bool { return a == b || a != nil && b != nil && *a == *b }

func (r *reading) settled() { *r = reading{read: true, deaf: r.deaf} }

// deaf takes in that a feed that was listed can't be watched, and tells whether it was.
func (g *gathering) deaf(f feed, answer problem.Problem, why string) (listed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.feeds[f]
	if r == nil || !r.read {
		return r == nil
	}
	answer.Message = why
	if !sameProblem(r.deaf, &answer) {
		r.deaf = &answer
		g.note()
	}
	return true
}

// hears takes in that a feed's changes come.
func (g *gathering) hears(f feed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.feeds[f]; r != nil && r.deaf != nil {
		r.deaf = nil
		g.note()
	}
}

// clear removes the objects of a feed but for those that are here.
func (g *gathering) clear(f feed, here map[problem.Object]bool) {
	k := g.kinds[f.groupKind()]
	gone := func(o problem.Object) {
		if f.holds(o) && !here[o] {
			g.forget(f, o)
		}
	}
	if f.kind == "EndpointSlice" && g.shelf != nil {
		for s := range g.shelf.slices {
			gone(sliceIdentity(s))
		}
		return
	}
	for _, e := range k.list.entries {
		gone(e.identity)
	}
	for o := range k.changes {
		gone(o)
	}
	for o := range k.troubled {
		gone(o)
	}
}

// take puts an object where it belongs. A Service and its endpoints are shown together, whichever comes first.
func (g *gathering) take(f feed, e entry) {
	if slice, ok := e.object.(*discoveryv1.EndpointSlice); ok && g.shelf != nil {
		g.show(g.shelf.put(slice)...)
		return
	}
	g.kinds[f.groupKind()].put(e)
	if f.kind == "Service" && g.shelf != nil {
		g.show(key{Namespace: e.identity.Namespace, Name: e.identity.Name})
	}
}

func (g *gathering) forget(f feed, o problem.Object) {
	k := key{Namespace: o.Namespace, Name: o.Name}
	if f.kind == "EndpointSlice" && g.shelf != nil {
		g.show(g.shelf.remove(k)...)
		return
	}
	g.kinds[f.groupKind()].remove(o)
	if f.kind == "Service" && g.shelf != nil {
		g.show(k)
	}
}

// show brings what is told of Services' endpoints up to date.
func (g *gathering) show(services ...key) {
	for _, k := range services {
		ours := g.kinds[serviceKind].find(problem.Object{Kind: "Service", Namespace: k.Namespace, Name: k.Name}) != nil
		g.shelf.show(k, ours)
	}
}

// note remembers that something has happened. Holding the lock.
func (g *gathering) note() {
	g.burst.add(time.Now(), "", false)
	close(g.progress)
	g.progress = make(chan struct{})
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// wait returns when something has happened and the burst of it is over, false when ctx ends.
func (g *gathering) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-g.wake:
	}
	for {
		g.mu.Lock()
		rest := time.Until(g.burst.end(false))
		g.mu.Unlock()
		if rest <= 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(rest):
		}
	}
}

// expectSecrets returns when every Secret that is watched was read, or can't be, or patience ends.
func (g *gathering) expectSecrets(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		g.mu.Lock()
		progress, open := g.progress, false
		for f, r := range g.feeds {
			open = open || f.kind == "Secret" && !r.read && !r.answered
		}
		g.mu.Unlock()
		if !open {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-progress:
		}
	}
}

// settle brings the lists up to date.
func (g *gathering) settle() snapshot.Objects {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.settled()
}

func (g *gathering) settled() snapshot.Objects {
	g.burst = burst{}
	lists := map[schema.GroupKind]*list{}
	for kind, k := range g.kinds {
		g.changed = k.settle() || g.changed
		lists[kind] = k.list
	}
	out := objectsOf(lists)
	if g.shelf != nil {
		g.changed = g.shelf.settle() || g.changed
		out.Endpoints = g.shelf.shown
	}
	return out
}

// waiting says what the first result waits for; empty: nothing.
func (g *gathering) waiting() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for f, r := range g.feeds {
		if r.read || r.answered && !f.vital() {
			continue
		}
		out = append(out, fmt.Sprintf("%s (%s)", f, cmp.Or(r.why, "not listed yet")))
	}
	if len(out) == 0 {
		return ""
	}
	slices.Sort(out)
	return "waiting for the API server: " + strings.Join(out, ", ")
}

// result is what was gathered, and whether it is another than the last.
func (g *gathering) result() (Result, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := Result{Objects: g.settled()}
	for _, k := range g.kinds {
		for _, problems := range k.troubled {
			out.Problems = append(out.Problems, problems...)
		}
		for o := range k.unread {
			out.Unread = append(out.Unread, o)
		}
	}
	for f, r := range g.feeds {
		switch {
		case r.trouble != nil:
			out.Problems = append(out.Problems, *r.trouble)
		case r.deaf != nil:
			out.Problems = append(out.Problems, *r.deaf)
		}
		switch {
		case r.read:
		case f.name != "":
			out.Unread = append(out.Unread, f.object())
		default:
			out.Incomplete = true
		}
	}
	out.Problems = problem.Sort(out.Problems)
	slices.SortFunc(out.Unread, func(a, b problem.Object) int { return cmp.Compare(a.String(), b.String()) })
	news := g.changed || out.Incomplete != g.last.Incomplete || !slices.Equal(out.Problems, g.last.Problems) || !slices.Equal(out.Unread, g.last.Unread)
	g.changed, g.last = false, Result{Problems: out.Problems, Unread: out.Unread, Incomplete: out.Incomplete}
	return out, news
}

// put keeps the pointer of an object that says what it said, and the last form of one that can't be read now.
func (k *kindObjects) put(e entry) {
	before := k.find(e.identity)
	switch {
	case e.object == nil && before != nil:
		e.object, e.kept = before, true
	case e.object != nil && before != nil && reflect.DeepEqual(e.object, before):
		e.object = before
	}
	delete(k.troubled, e.identity)
	delete(k.unread, e.identity)
	if problems := e.told(); len(problems) > 0 {
		k.troubled[e.identity] = problems
	}
	if e.object == nil {
		if usable(e) {
			k.unread[e.identity] = true
		}
		return
	}
	if e.object != before {
		k.changes[e.identity] = e.object
	}
}

func (k *kindObjects) remove(o problem.Object) {
	delete(k.troubled, o)
	delete(k.unread, o)
	if k.find(o) != nil {
		k.changes[o] = nil
	}
}

// find returns an object as it is known; nil: it is not.
func (k *kindObjects) find(o problem.Object) metav1.Object {
	if change, changed := k.changes[o]; changed {
		return change
	}
	if i, found := slices.BinarySearchFunc(k.list.entries, listed{identity: o}, byIdentity); found {
		return k.list.entries[i].object
	}
	return nil
}

func (k *kindObjects) settle() bool {
	if len(k.changes) == 0 {
		return false
	}
	changes := make([]listed, 0, len(k.changes))
	for identity, object := range k.changes {
		changes = append(changes, listed{identity, object})
	}
	k.changes = map[problem.Object]metav1.Object{} // a map that was cleared keeps what it once held room for
	return k.list.merge(changes)
}
