package status

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/tools/events"
)

// controller is the reportingController of our Events.
const controller = "frr-renderer.io/agent"

// Reasons of Events, beside those of problems.
const (
	resetsHeld    = "ResetsHeld"    // a plan is held back
	resetsAllowed = "ResetsAllowed" // a held plan was let through
	resetsGone    = "ResetsGone"    // what was held is not asked for any more, or resets nothing any more
)

// Announcer writes Events about a node. Its methods return at once; what the API server does not take is tried again for an hour.
type Announcer struct {
	node     *corev1.ObjectReference
	recorder events.EventRecorder
}

// NewAnnouncer writes to an API server until ctx ends.
func NewAnnouncer(ctx context.Context, node string, client eventsclient.EventsV1Interface, log *slog.Logger) (*Announcer, error) {
	broadcaster := events.NewBroadcaster(&patientSink{EventSink: &events.EventSinkImpl{Interface: client}, log: log, retry: retryEvent, patience: patience})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return nil, fmt.Errorf("BUG: start the recorder of Events: %w", err)
	}
	context.AfterFunc(ctx, broadcaster.Shutdown)
	return &Announcer{
		// The UID of Events about a node is its name, as kubelet has it: kubectl describe looks for both.
		node:     &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node, UID: types.UID(node)},
		recorder: broadcaster.NewRecorder(runtime.NewScheme(), controller),
	}, nil
}

// Held tells that a plan is held back, with what it would reset and how to let it through.
func (a *Announcer) Held(plan Held) {
	a.about(plan, corev1.EventTypeWarning, resetsHeld, "HoldPlan", fmt.Sprintf(
		"Plan %s is held back: it would reset the Established BGP sessions with %s. Everything else is applied. To let it through: "+
			"kubectl annotate --overwrite node %s %s (it counts for an hour)",
		plan.Digest, some(plan.Neighbors), a.node.Name, plan.Allow))
}

// LetThrough tells that somebody allowed a plan that was held back.
func (a *Announcer) LetThrough(plan Held) {
	a.about(plan, corev1.EventTypeNormal, resetsAllowed, "ApplyPlan", fmt.Sprintf(
		"Plan %s was let through by the node's annotation; it resets the BGP sessions with %s.", plan.Digest, some(plan.Neighbors)))
}

// Gone tells that what was held back is no longer to be done.
func (a *Announcer) Gone(plan Held) {
	a.about(plan, corev1.EventTypeNormal, resetsGone, "DropPlan", fmt.Sprintf(
		"Plan %s, which was held back, is gone: the objects ask for it no more, or it would reset nothing any more. No session was reset.", plan.Digest))
}

// about writes one Event. The recorder counts Events up that differ in their notes alone, and keeps the first note: the plan is named as the
// related object, so that each plan has Events of its own.
func (a *Announcer) about(plan Held, kind, reason, action, note string) {
	related := &corev1.ObjectReference{APIVersion: "frr-renderer.io/v1", Kind: "Plan", Name: plan.Digest}
	a.recorder.Eventf(a.node, related, kind, reason, action, "%s", note)
}

// someNeighbors is how many an Event names: a note has 1024 bytes at most, also where the name of the node has 253.
const someNeighbors = 6

func some(neighbors []string) string {
	short := make([]string, 0, someNeighbors)
	for _, n := range neighbors[:min(len(neighbors), someNeighbors)] {
		short = append(short, label(n))
	}
	said := strings.Join(short, ", ")
	if more := len(neighbors) - someNeighbors; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return said
}

const (
	retryEvent = 5 * time.Second
	// patience is as long as an API server keeps Events.
	patience = time.Hour
)

// patientSink keeps a new Event until the API server is back: the recorder gives up after two minutes, and at once when an API server that
// starts says that it is not ready. The recorder calls it in a goroutine for each new Event.
type patientSink struct {
	events.EventSink
	log             *slog.Logger
	retry, patience time.Duration
}

// Create implements events.EventSink.
func (s *patientSink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	told := false
	for end := time.Now().Add(s.patience); ; {
		created, err := s.EventSink.Create(ctx, event)
		if err == nil || !passing(err) && !Denied(err) || time.Now().After(end) {
			return created, err
		}
		if !told && !Denied(err) {
			s.log.Warn("an Event can't be written; it is tried again", "reason", event.Reason, "error", err, "retry", s.retry)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(s.retry):
		}
	}
}

// Patch implements events.EventSink. It only counts an Event up: that the right is missing is told by others, and nobody tries again.
func (s *patientSink) Patch(ctx context.Context, event *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	patched, err := s.EventSink.Patch(ctx, event, data)
	if Denied(err) {
		return event, nil
	}
	return patched, err
}

// passing tells whether an error of the API server may pass by itself.
func passing(err error) bool {
	if apierrors.ReasonForError(err) == "" {
		return true // it was not reached
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsInternalError(err) || apierrors.IsTimeout(err)
}
