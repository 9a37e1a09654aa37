package nodereport

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// Term is for how long a renewal of the lease holds. It is renewed each third of it.
const Term = 4 * time.Second

const (
	renewEvery = Term / 3
	// tryAgain is the pause after a try that failed, about, while the lease holds; leastPatience is what a try gets at least, however short the rest of the
	// term is.
	tryAgain, leastPatience = 200 * time.Millisecond, 200 * time.Millisecond
	// Once it has run out, pauses grow: to awayMost where the API server is away, to refusedMost where it refuses (no right, no namespace), as it will again.
	awayMost, refusedMost = 2 * time.Second, 30 * time.Second
)

// renewer renews the node's lease.
type renewer struct {
	node    string
	leases  coordination.LeaseInterface
	wanted  func(context.Context) ([]netip.Addr, error)
	renewed func(Renewal)
	current func() *Report
	bell    bell
	log     *slog.Logger

	mu    sync.Mutex
	state Lease

	// What follows belongs to run. is is the Lease by the API server's last answer; nil: that is not known.
	is    *coordinationv1.Lease
	until time.Time
	// lapsed: nobody knows since the last renewal what the node is to hold. So it is at the start.
	lapsed bool
	pause  time.Duration
	said   bool
	// free: the Lease is not held in this node's name.
	free bool
}

// run renews until ctx ends, once the node has told of itself. The lease is not given back then: the node goes on with what it holds.
func (r *renewer) run(ctx context.Context, told <-chan struct{}) {
	r.lapsed = true
	select {
	case <-ctx.Done():
		return
	case <-told:
	}
	for ctx.Err() == nil {
		due := r.due()
		r.note(func(l *Lease) { l.Wanted = due })
		if due {
			sleep(ctx, nil, r.turn(ctx))
			continue
		}
		sleep(ctx, r.bell, r.release(ctx))
	}
}

func (r *renewer) due() bool {
	report := r.current()
	return report != nil && report.Gateway
}

// turn renews once, tells of it, and tells when to come again.
func (r *renewer) turn(ctx context.Context) time.Duration {
	asked := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.patience(asked))
	err := r.renew(limited, asked)
	cancel()
	if err != nil {
		return r.failed(ctx, err)
	}
	r.pause, r.free = 0, false
	r.lapsed = r.lapsed || time.Now().After(r.until)
	r.until = asked.Add(Term)
	r.note(func(l *Lease) { l.At, l.Until, l.Error, l.Renewed = asked, r.until, "", l.Renewed+1 })
	if r.tell(ctx, asked.Add(renewEvery)) {
		r.over("the lease is renewed again")
	}
	return max(0, time.Until(asked.Add(renewEvery)))
}

// patience is how long one try may take: most of what is left, so that another fits in, by a connection of its own.
func (r *renewer) patience(now time.Time) time.Duration {
	left := r.until.Sub(now)
	if left <= 0 {
		left = Term
	}
	return max(leastPatience, left*2/3)
}

// tell says that the lease was renewed, and whether that counts. After a lapse others may have been given what the node holds, and a watch that goes on by
// itself is no proof of the contrary: what it is to hold is listed first. The same goes for as long as the node is not sure: the manager gives back what it
// holds once it hears of the renewal, and a watch that could not reach the API server comes back up to 12 s later. by is when the lease is to be renewed
// again, which comes first.
func (r *renewer) tell(ctx context.Context, by time.Time) bool {
	if report := r.current(); !r.lapsed && (report == nil || !report.Unsure) {
		r.renewed(Renewal{Until: r.until})
		return true
	}
	limited, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	asked := time.Now()
	wanted, err := r.wanted(limited)
	if err != nil {
		r.note(func(l *Lease) { l.Failed, l.Error = l.Failed+1, message("list NetworkGatewayGroups: "+err.Error()) })
		r.complain(ctx, "what this node is to hold can't be listed, so its lease does not count yet; it is tried again", err)
		return false
	}
	r.lapsed = false
	r.renewed(Renewal{Until: r.until, Wanted: wanted, Asked: asked})
	return true
}

// failed takes in a try that was none, and tells when to try again.
func (r *renewer) failed(ctx context.Context, err error) time.Duration {
	r.note(func(l *Lease) { l.Failed, l.Error = l.Failed+1, message(err.Error()) })
	if time.Now().Before(r.until) {
		return tryAgain/2 + rand.N(tryAgain)
	}
	r.complain(ctx, "the lease of this node can't be renewed; it keeps what it holds, and others may be given it", err)
	most := awayMost
	if lasting(err) {
		most = refusedMost
	}
	r.pause = min(max(tryAgain, 2*r.pause), most)
	return r.pause/2 + rand.N(r.pause/2)
}

// complain logs once, until it is over. Of rights that are missing status.Denials tell.
func (r *renewer) complain(ctx context.Context, what string, err error) {
	if !r.said && ctx.Err() == nil && !status.Denied(err) {
		r.said = true
		r.log.Warn(what, "lease", gateway.LeaseName(r.node), "error", problem.OneLine(err.Error()))
	}
}

// over logs that what was complained of is over.
func (r *renewer) over(what string) {
	if r.said {
		r.said = false
		r.log.Info(what, "lease", gateway.LeaseName(r.node))
	}
}

// lasting tells of an error that will come again until somebody changes something.
func lasting(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err)
}

// renew writes the Lease: at most four requests, where it was changed or deleted by somebody else.
func (r *renewer) renew(ctx context.Context, now time.Time) error {
	err := r.write(ctx, now)
	if err != nil && (apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)) {
		r.is = nil
		err = r.write(ctx, now)
	}
	return err
}

func (r *renewer) write(ctx context.Context, now time.Time) error {
	if r.is == nil {
		is, err := r.leases.Get(ctx, gateway.LeaseName(r.node), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			is, err = r.leases.Create(ctx, r.fresh(now), metav1.CreateOptions{FieldManager: FieldManager})
			if err == nil {
				r.is = is
			}
			return err
		}
		if err != nil {
			return err
		}
		r.is = is
	}
	after, err := r.leases.Update(ctx, r.renewal(now), metav1.UpdateOptions{FieldManager: FieldManager})
	if err == nil {
		r.is = after
	}
	return err
}

// fresh is a Lease that is new. It has no owner: to name one takes the right to delete Leases, on some clusters, and there is one for each node that ever was a
// gateway.
func (r *renewer) fresh(now time.Time) *coordinationv1.Lease {
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: gateway.LeaseName(r.node)}}
	l.Spec.AcquireTime = &metav1.MicroTime{Time: now}
	r.fill(l, now)
	return l
}

// renewal is the Lease as it is, renewed. One that somebody else has written into is taken over: by its name it is this node's.
func (r *renewer) renewal(now time.Time) *coordinationv1.Lease {
	l := r.is.DeepCopy()
	if holder := holderOf(l); holder != r.node {
		if holder != "" {
			r.log.Warn("somebody else had the lease of this node; it is taken over", "lease", l.Name, "holder", problem.OneLine(holder))
		}
		l.Spec.AcquireTime = &metav1.MicroTime{Time: now}
		transitions := int32(1)
		if l.Spec.LeaseTransitions != nil {
			transitions += *l.Spec.LeaseTransitions
		}
		l.Spec.LeaseTransitions = &transitions
	}
	r.fill(l, now)
	return l
}

func (r *renewer) fill(l *coordinationv1.Lease, now time.Time) {
	node, seconds := r.node, int32(Term/time.Second)
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &node, &seconds, &metav1.MicroTime{Time: now}
	if report := r.current(); report == nil || !report.idle() {
		delete(l.Annotations, gateway.SessionsNote)
		return
	}
	if l.Annotations == nil {
		l.Annotations = map[string]string{}
	}
	l.Annotations[gateway.SessionsNote] = gateway.NoSessions
}

func holderOf(l *coordinationv1.Lease) string {
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// release gives the lease back when it is not to be renewed, so that it does not expire: the manager would take a healthy node for dead. It may be from before
// a restart. It tells when to come again.
func (r *renewer) release(ctx context.Context) time.Duration {
	if r.free {
		return never
	}
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := r.giveBack(limited)
	if apierrors.IsConflict(err) {
		r.is = nil
		err = r.giveBack(limited)
	}
	if err == nil || apierrors.IsNotFound(err) {
		r.is, r.until, r.lapsed, r.free, r.pause = nil, time.Time{}, true, true, 0
		r.note(func(l *Lease) { l.At, l.Until, l.Error = time.Time{}, time.Time{}, "" })
		r.over("the lease is given back")
		return never
	}
	if apierrors.IsConflict(err) {
		r.is = nil
	}
	r.note(func(l *Lease) { l.Failed, l.Error = l.Failed+1, message("give back the lease: "+err.Error()) })
	r.complain(ctx, "the lease of this node can't be given back, if it has one; it is tried again, and the manager may take the node for dead when it runs out", err)
	r.pause = min(max(tryAgain, 2*r.pause), refusedMost)
	return r.pause/2 + rand.N(r.pause/2)
}

func (r *renewer) giveBack(ctx context.Context) error {
	if r.is == nil {
		is, err := r.leases.Get(ctx, gateway.LeaseName(r.node), metav1.GetOptions{})
		if err != nil {
			return err
		}
		r.is = is
	}
	if holderOf(r.is) != r.node {
		return nil
	}
	l, nobody := r.is.DeepCopy(), ""
	l.Spec.HolderIdentity = &nobody
	_, err := r.leases.Update(ctx, l, metav1.UpdateOptions{FieldManager: FieldManager})
	return err
}

func (r *renewer) note(change func(*Lease)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}
