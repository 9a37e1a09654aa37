package nodereport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/dynamic"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// sessionWriter keeps the status of the BGPSessions of the node. The manager makes and deletes these; what tells which one a session is, is its spec.
type sessionWriter struct {
	node    string
	current func() *Report
	objects dynamic.ResourceInterface
	bell    bell
	log     *slog.Logger
	outage  *status.Outage
	beat    time.Duration

	mu sync.Mutex
	// sessions are those of this node by name, as the watch or an answer of the API server had them last.
	sessions map[string]*networking.BGPSession

	// What follows belongs to run.
	efforts map[types.UID]*effort
}

// effort is what becomes of the writes of one object.
type effort struct {
	*pace
	seen time.Time // for the first time
	// outage is that of this object alone: others can be written.
	outage *status.Outage
}

// run writes until ctx ends. It watches once the node holds a floating IP, or is to hold one: of a thousand nodes few do.
func (s *sessionWriter) run(ctx context.Context) {
	var watch sync.WaitGroup
	defer watch.Wait()
	watches := false
	for ctx.Err() == nil {
		r := s.current()
		if r != nil && !watches && len(r.Floating)+len(r.Sessions) > 0 {
			watches = true
			watch.Go(func() { s.watch(ctx) })
		}
		wait := never
		if r != nil {
			wait = s.turn(ctx, *r)
		}
		sleep(ctx, s.bell, wait)
		sleep(ctx, nil, together)
	}
}

// turn writes what is due, and tells when to look again. One object that can't be written does not keep the others.
func (s *sessionWriter) turn(ctx context.Context, r Report) time.Duration {
	wait := never
	for _, is := range s.known() {
		if ctx.Err() != nil {
			return 0
		}
		wait = min(wait, s.one(ctx, is, &r))
	}
	return wait
}

// managersTurn is how long an object without a state is the manager's, which made it: it says first what it knows of the router from the session before, and
// whoever writes into the object meanwhile makes it lose that.
const managersTurn = 3 * time.Second

// one writes one object if that is due, and tells when to look at it again.
func (s *sessionWriter) one(ctx context.Context, is *networking.BGPSession, r *Report) time.Duration {
	e, now := s.efforts[is.UID], time.Now()
	if left := managersTurn - now.Sub(e.seen); is.Status.State == "" && left > 0 {
		return left
	}
	wanted := sessionStatus(r, is)
	differs := sessionDifference(wanted, is.Status)
	if left := e.left(now, differs); left > 0 {
		return left
	}
	switch err := s.write(ctx, is, wanted); {
	case err == nil:
		e.wrote(now, differs)
		e.outage.Over()
		s.outage.Over()
		return never // its answer rings
	case apierrors.IsConflict(err): // the watch brings it as it is now
	case apierrors.IsNotFound(err):
		s.gone(is)
		return never
	case lasting(err):
		e.outage.Seen(ctx, err)
	default:
		s.outage.Seen(ctx, err)
	}
	e.failed(now)
	return e.left(now, differs)
}

// write writes the status, for that version of the object only: the manager may have made another session of it.
func (s *sessionWriter) write(ctx context.Context, is *networking.BGPSession, told networking.BGPSessionStatus) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	fields := map[string]any{"state": told.State, "addPath": told.AddPath, "advertisedRoutes": told.AdvertisedRoutes, "message": nil, "lastReportTime": metav1.Now()}
	if told.Message != "" {
		fields["message"] = told.Message
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": is.ResourceVersion}, "status": fields})
	if err != nil {
		return fmt.Errorf("BUG: a status is not JSON: %w", err)
	}
	after, err := s.objects.Patch(ctx, is.Name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: FieldManager}, "status")
	if err == nil {
		s.put(after)
	}
	return err
}

// known are the objects of this node, by name.
func (s *sessionWriter) known() []*networking.BGPSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	here := map[types.UID]bool{}
	out := make([]*networking.BGPSession, 0, len(s.sessions))
	for _, name := range slices.Sorted(maps.Keys(s.sessions)) {
		one := s.sessions[name]
		out, here[one.UID] = append(out, one), true
		if s.efforts[one.UID] == nil {
			s.efforts[one.UID] = &effort{newPace(s.beat, routesApart), time.Now(), status.NewOutage(s.log.With("name", name))}
		}
	}
	maps.DeleteFunc(s.efforts, func(uid types.UID, _ *effort) bool { return !here[uid] })
	return out
}

// put takes in an object as the API server had it, unless it is known as it was later. One of another node is none of ours.
func (s *sessionWriter) put(u *unstructured.Unstructured) {
	one, err := read(u)
	if err != nil {
		s.outage.Seen(context.Background(), err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.sessions[one.Name]; was != nil && !newer(one, was) {
		return
	}
	if one.Spec.NodeName == s.node && one.DeletionTimestamp == nil {
		s.sessions[one.Name] = one
	} else {
		delete(s.sessions, one.Name)
	}
	s.bell.ring()
}

// replace takes in all objects as they were at a version. What was written since stays.
func (s *sessionWriter) replace(all []*unstructured.Unstructured, version string) {
	here := map[string]bool{}
	for _, u := range all {
		here[u.GetName()] = true
		s.put(u)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.sessions, func(name string, one *networking.BGPSession) bool {
		c, err := resourceversion.CompareResourceVersion(one.ResourceVersion, version)
		return !here[name] && (err != nil || c <= 0)
	})
	s.bell.ring()
}

// gone takes in that an object was deleted.
func (s *sessionWriter) gone(one metav1.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.sessions[one.GetName()]; was != nil && was.UID == one.GetUID() {
		delete(s.sessions, one.GetName())
	}
}

func newer(a, b metav1.Object) bool {
	c, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err != nil || c > 0
}

func read(u *unstructured.Unstructured) (*networking.BGPSession, error) {
	one := &networking.BGPSession{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, one); err != nil {
		return nil, fmt.Errorf("read a BGPSession: %w", err)
	}
	one.ManagedFields = nil
	return one, nil
}
