package manager

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// writing brings the API server to what was decided, the most urgent first: who holds what, the sessions, what is told of people's objects, routes.
type writing struct {
	manager *Manager
	ctx     context.Context
	objects
	out gateway.Assignment
	// byObject are the conditions of out, once they were asked for.
	byObject map[problem.Object][]gateway.Condition
	// at is the count of changes that out has seen.
	at uint64
	// untold are the floating IPs that have another node than the API server could be told.
	untold map[string]bool
	// judged is when leases were looked at for out.
	judged time.Time
	// written counts the objects that were.
	written int
	// stopped: the rest waits for the next round, which is to come again from now.
	stopped bool
	again   time.Duration
}

func (w *writing) all() {
	w.untold = map[string]bool{}
	w.groupStatus()
	if w.stopped {
		return
	}
	w.sessionObjects()
	if w.out.Unsure {
		return // what is told of routers and routes stays, until it is known which there are
	}
	w.conditions()
	w.routeObjects()
}

// later asks for another round.
func (w *writing) later(in time.Duration) { w.again = min(w.again, in) }

// stop leaves the rest to the next round.
func (w *writing) stop(in time.Duration) {
	w.stopped = true
	w.later(in)
}

const (
	writeTimeout = 10 * time.Second
	pauseFirst   = 250 * time.Millisecond
	pauseMost    = time.Minute
)

// pause is after what failed, longer each time.
type pause struct {
	until time.Time
	last  time.Duration
}

// everything is paused while the API server is away.
const everything = ""

func (p *pause) left() time.Duration {
	if p == nil {
		return 0
	}
	return max(0, time.Until(p.until))
}

// pauses are those of all that has failed.
type pauses map[string]*pause

// more pauses something, and tells for how long.
func (all pauses) more(what string) time.Duration {
	p := all[what]
	if p == nil {
		p = &pause{last: pauseFirst / 2}
		all[what] = p
	}
	p.last = min(2*p.last, pauseMost)
	rest := p.last/2 + rand.N(p.last/2)
	p.until = time.Now().Add(rest)
	return rest
}

// client is that of a kind's objects in a namespace.
func (w *writing) client(kind, namespace string) dynamic.ResourceInterface {
	return w.manager.clients.Dynamic.Resource(w.manager.watched[kind].resource).Namespace(namespace)
}

// write writes one object and takes in what becomes of it; nil where it was deleted. It tells whether it is written. A failure of one object
// does not keep others, unless it is the API server's.
func (w *writing) write(kind string, k key, put func(context.Context) (*unstructured.Unstructured, error)) bool {
	m, what := w.manager, kind+" "+k.Namespace+"/"+k.Name
	switch {
	case w.stopped:
		return false
	case !m.Leading(): // the election says so within a moment; a process that stood still may be first to see it
		w.stop(retryPeriod)
		return false
	}
	if rest := m.pauses[what].left(); rest > 0 {
		w.later(rest)
		return false
	}
	ctx, cancel := context.WithTimeout(w.ctx, writeTimeout)
	defer cancel()
	after, err := put(ctx)
	if err != nil {
		w.failed(kind, what, err)
		return false
	}
	m.options.Meter.Wrote(kind, Written)
	w.written++
	delete(m.pauses, what)
	delete(m.pauses, everything)
	m.trouble.over("write", "the API server can be written again")
	m.trouble.over("write "+what, "the object can be written")
	if after == nil {
		m.store.drop(kind, k, newest)
		return true
	}
	m.wrote(kind, after)
	return true
}

// newest is the version of what was deleted: whatever was read of it is older.
const newest = "18446744073709551615"

// failed sorts out why a write failed.
func (w *writing) failed(kind, what string, err error) {
	m := w.manager
	switch {
	case w.ctx.Err() != nil:
		w.stop(0)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err), isOther(err):
		m.options.Meter.Wrote(kind, Conflict)
		w.later(m.pauses.more(what)) // most often the first try with the fresh object does
		w.stop(0)
		if !m.refresh(w.ctx, kind) {
			w.stop(pauseFirst)
		}
	case isRefusal(err):
		m.options.Meter.Wrote(kind, Refused)
		m.trouble.tell("write "+what, "an object can't be written; it is tried again, others go on", "object", what, "error", err.Error())
		w.later(m.pauses.more(what))
	default:
		m.options.Meter.Wrote(kind, Failed)
		m.trouble.tell("write", "the API server can't be written; what it has stays until it can", "object", what, "error", err.Error())
		w.stop(m.pauses.more(everything))
	}
}

// isRefusal tells that the API server does not take this object, and may take others.
func isRefusal(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code < 500 && !apierrors.IsTooManyRequests(err) && !apierrors.IsUnauthorized(err)
}

// isOther tells that an object of that name is another one than was meant: its UID differs.
func isOther(err error) bool {
	return apierrors.IsInvalid(err) && apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueInvalid) && causeAt(err, "metadata.uid")
}

func causeAt(err error, field string) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	for _, c := range status.Status().Details.Causes {
		if c.Field == field {
			return true
		}
	}
	return false
}

// overtaken ends the round where something has changed since it was decided: the latest wins. Each round writes one object at least.
func (w *writing) overtaken() bool {
	if w.written > 0 && w.manager.store.changes.Load() != w.at {
		w.stop(0)
	}
	return w.stopped
}

// slow waits for its turn, so that thousands of objects don't come at once, and tells whether it has come.
func (w *writing) slow() bool {
	if w.manager.limit.Wait(w.ctx) != nil {
		w.stop(0)
	}
	return !w.stopped
}

// wrote takes in an object as the API server has it now.
func (m *Manager) wrote(kind string, u *unstructured.Unstructured) {
	k := m.watched[kind]
	k.trim(u)
	if o, err := k.read(u); err == nil {
		m.store.wrote(kind, o)
	}
}

// refreshAll reads what is written from the API server itself: what the watches have brought may be older than what the manager before wrote last.
func (m *Manager) refreshAll(ctx context.Context) bool {
	for _, kind := range Kinds() {
		if m.store.serves(kind) && !m.refresh(ctx, kind) {
			return false
		}
	}
	return true
}

// refresh reads a kind anew.
func (m *Manager) refresh(ctx context.Context, name string) bool {
	k := m.watched[name]
	ctx, cancel := context.WithTimeout(ctx, kubewatch.ListTimeout)
	defer cancel()
	fresh, err := m.clients.Dynamic.Resource(k.resource).Namespace(k.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		m.heard(ctx, k, err)
		return false
	}
	var objects []runtime.Object
	_ = meta.EachListItem(fresh, func(item runtime.Object) error {
		k.trim(item)
		objects = append(objects, item)
		return nil
	})
	(&feed{m, k}).replace(objects, fresh.GetResourceVersion())
	return true
}
