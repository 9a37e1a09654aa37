package status

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// saying is an Event before it is written.
type saying struct {
	about  corev1.ObjectReference
	kind   string
	reason string
	action string
	note   string
	// shared tells that every node has the same to say: the first one writes it for all.
	shared bool
	// mark is remembered when it is written; sort says under which word it is counted when there is no room for it.
	mark, sort string
	since      time.Time
}

// heraldBurst is how many Events are written at once, heraldWaiting how many wait for more than that. Objects beyond that are counted, and one
// Event about the node tells how many they were.
const (
	heraldBurst   = 30
	heraldWaiting = 30
	// sharedFor is how long one Event of a shared saying stands for the same from other nodes.
	sharedFor = 5 * time.Minute
	// summaryApart is how far apart two summaries are while others wait.
	summaryApart = time.Minute
)

// voice is who writes Events.
type voice struct {
	controller string // reportingController
	self       corev1.ObjectReference
	is         string // in a sentence
}

func nodeVoice(node string) voice {
	return voice{controller, nodeReference(node), fmt.Sprintf("node %q", node)}
}

// herald writes Events about objects, within a budget: a thousand nodes have as much to say as this one, of every Service that they all announce.
// It is told what is to be said of each object, and the newest counts; what is taken back before it was written is never said.
type herald struct {
	node   string
	speaks voice
	client eventsclient.EventsV1Interface
	budget flowcontrol.RateLimiter
	outage *Outage
	retry  time.Duration
	now    func() time.Time
	// written is called with each mark that was written or counted, and overtaken when a saying was taken back while it was being written: what
	// is to be said of its object has to be decided anew.
	written   func(key, mark string)
	overtaken func()

	mu      sync.Mutex
	pending map[string]saying
	order   []string // of pending, the oldest first
	// turns are when namespaces that wait had their last turn, by number: each has one after the other, so that what changes all the time in one
	// of them keeps nobody else's from being told.
	turns map[string]uint64
	turn  uint64
	// closed are namespaces that take no Events, since a policy refuses them. Only run looks at it.
	closed  map[string]bool
	counted map[string]int // what there was no room for, by sort
	wake    chan struct{}
	// summarized is when that was told last.
	summarized time.Time
}

func newHerald(node string, client eventsclient.EventsV1Interface, perMinute float64, log *slog.Logger, now func() time.Time, written func(key, mark string),
	overtaken func()) *herald {
	return &herald{
		node: node, speaks: nodeVoice(node), client: client, budget: flowcontrol.NewTokenBucketRateLimiter(float32(perMinute/60), heraldBurst), outage: NewOutage(log),
		retry: retryEvent, now: now, written: written, overtaken: overtaken, pending: map[string]saying{}, counted: map[string]int{}, turns: map[string]uint64{}, closed: map[string]bool{}, wake: make(chan struct{}, 1),
	}
}

// say puts an Event in the place of any that waits for the same key.
func (h *herald) say(key string, s saying) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, waits := h.pending[key]
	if waits && before.mark == s.mark && before.reason == s.reason {
		return
	}
	s.since = h.now()
	h.pending[key] = s
	if !waits {
		h.order = append(h.order, key)
	}
}

// waiting are the keys of what was said and not written yet.
func (h *herald) waiting() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.order)
}

// unsay takes back what waits.
func (h *herald) unsay(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(key)
}

func (h *herald) drop(key string) {
	if _, waits := h.pending[key]; waits {
		delete(h.pending, key)
		h.order = slices.DeleteFunc(h.order, func(k string) bool { return k == key })
	}
}

// flush lets the writer go on. What is beyond the room is counted now.
func (h *herald) flush() {
	h.mu.Lock()
	var beyond []string
	if room := heraldBurst + heraldWaiting; len(h.order) > room {
		h.interleave()
		beyond = slices.Clone(h.order[room:])
		h.order = h.order[:room]
	}
	marks := make([]string, len(beyond))
	for i, key := range beyond {
		marks[i] = h.pending[key].mark
		h.counted[h.pending[key].sort]++
		delete(h.pending, key)
	}
	if len(beyond) > 0 { // a map and a slice keep what they once held room for
		h.pending, h.order = maps.Collect(maps.All(h.pending)), slices.Clone(h.order)
	}
	h.mu.Unlock()
	for i, key := range beyond {
		h.written(key, marks[i])
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// hush takes back all that waits.
func (h *herald) hush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending, h.order, h.counted = map[string]saying{}, nil, map[string]int{}
}

// interleave puts the first of each namespace before the second of any. Holding the lock.
func (h *herald) interleave() {
	waiting, rank := map[string]int{}, make(map[string]int, len(h.order))
	for _, key := range h.order {
		namespace := h.pending[key].about.Namespace
		rank[key] = waiting[namespace]
		waiting[namespace]++
	}
	slices.SortStableFunc(h.order, func(a, b string) int { return rank[a] - rank[b] })
}

// first is the oldest of the namespace whose turn it is. Holding the lock.
func (h *herald) first() string {
	best := h.order[0]
	for _, key := range h.order[1:] {
		if h.turns[h.pending[key].about.Namespace] < h.turns[h.pending[best].about.Namespace] {
			best = key
		}
	}
	return best
}

// served ends a namespace's turn.
func (h *herald) served(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn++
	h.turns[namespace] = h.turn
	if len(h.turns) <= heraldBurst+heraldWaiting {
		return
	}
	waits := map[string]bool{}
	for _, s := range h.pending {
		waits[s.about.Namespace] = true
	}
	maps.DeleteFunc(h.turns, func(namespace string, _ uint64) bool { return !waits[namespace] })
}

// run writes until ctx ends.
func (h *herald) run(ctx context.Context) {
	pause := h.retry
	for {
		key, s, ok := h.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
				continue
			}
		}
		if h.budget.Wait(ctx) != nil {
			return
		}
		if key, s, ok = h.next(); !ok {
			continue // it was taken back meanwhile
		}
		err := h.write(ctx, s)
		h.served(s.about.Namespace) // also where it fails: a namespace that takes no Events keeps no other waiting
		switch {
		case err == nil || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || !passing(err) && !apierrors.IsForbidden(err):
			if err != nil {
				h.outage.log.Debug("an Event is not written", "reason", s.reason, "error", note(err.Error()))
			} else {
				h.open(s)
			}
			h.done(key, s)
			pause = h.retry
		case h.now().Sub(s.since) > patience:
			h.done(key, s)
		default:
			h.fails(ctx, s, err)
			if !restFor(ctx, pause) {
				return
			}
			pause = min(2*pause, pauseMost)
		}
	}
}

// fails tells once that Events can't be written, and once of each namespace that takes none while others do.
func (h *herald) fails(ctx context.Context, s saying, err error) {
	namespace := s.namespace()
	switch {
	case !apierrors.IsForbidden(err) || Denied(err):
		h.outage.Seen(ctx, err)
	case !h.closed[namespace]:
		h.closed[namespace] = true
		h.outage.log.Warn("a namespace takes no Events; each is tried again for an hour", "namespace", namespace, "error", note(err.Error()))
	}
}

// open takes in that an Event was written.
func (h *herald) open(s saying) {
	h.outage.Over()
	if namespace := s.namespace(); h.closed[namespace] {
		delete(h.closed, namespace)
		h.outage.log.Info("a namespace takes Events again", "namespace", namespace)
	}
}

// namespace is where the Event is written.
func (s saying) namespace() string { return cmp.Or(s.about.Namespace, metav1.NamespaceDefault) }

// summary is the key of the Event that tells what was counted.
const summary = ""

// next is what is to be written now.
func (h *herald) next() (string, saying, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(h.counted) > 0 && (len(h.order) == 0 || h.now().Sub(h.summarized) > summaryApart):
		return summary, h.summarize(), true
	case len(h.order) > 0:
		first := h.first()
		return first, h.pending[first], true
	}
	return "", saying{}, false
}

// summarize tells how many Events were left out.
func (h *herald) summarize() saying {
	var parts []string
	for _, sort := range sorted(h.counted) {
		parts = append(parts, fmt.Sprintf("%d %s", h.counted[sort], sort))
	}
	said := strings.Join(parts, ", ")
	return saying{
		about: h.speaks.self, kind: corev1.EventTypeNormal, reason: eventsLeftOut, action: "Summarize", mark: said, since: h.now(),
		note: fmt.Sprintf("More changed at once than Events are written for; from %s also: %s. Metrics, /status and status objects tell all.", h.speaks.is, said),
	}
}

// done forgets what was written, unless something newer came meanwhile.
func (h *herald) done(key string, s saying) {
	h.mu.Lock()
	if key == summary {
		if h.summarize().mark == s.mark {
			clear(h.counted)
		}
		h.summarized = h.now()
		h.mu.Unlock()
		return
	}
	now, waits := h.pending[key]
	h.drop(key)
	if waits && now != s {
		h.pending[key] = now
		h.order = append(h.order, key)
	}
	h.mu.Unlock()
	h.written(key, s.mark)
	if !waits || now != s {
		h.overtaken()
	}
}

// write creates the Event. One that is there already was written before, by us when the answer was lost, or by another node.
func (h *herald) write(ctx context.Context, s saying) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	event := h.event(s)
	_, err := h.client.Events(event.Namespace).Create(ctx, event, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

const writeTimeout = 30 * time.Second

func (h *herald) event(s saying) *eventsv1.Event {
	text, by := s.note, []string{h.node, s.since.UTC().Format(time.RFC3339Nano)}
	if s.shared {
		by = []string{s.since.UTC().Truncate(sharedFor).Format(time.RFC3339)}
	}
	sum := sha256.Sum256([]byte(strings.Join(append(by, string(s.about.UID), s.about.Kind, s.about.Namespace, s.about.Name, s.kind, s.reason, s.note), "\n")))
	if s.shared {
		where := fmt.Sprintf(" [seen on node %q, perhaps on others]", h.node)
		text = cut(problem.OneLine(text), noteLength-len(where)) + where
	}
	return &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(), Name: eventName(s.about.Name, hex.EncodeToString(sum[:8]))},
		EventTime:  metav1.NewMicroTime(h.now()), ReportingController: h.speaks.controller, ReportingInstance: cut(h.speaks.controller+"-"+h.node, 128),
		Type: s.kind, Reason: s.reason, Action: s.action, Regarding: s.about, Note: note(text),
	}
}

// eventName is the name of an object, as much as there is room for, and what tells its Events apart.
func eventName(object, hash string) string {
	return strings.TrimRight(object[:min(len(object), nameLimit-1-len(hash))], "-.") + "." + hash
}
