package manager

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ElectionLease is the name of the Lease that the working manager renews, in its namespace.
const ElectionLease = "frr-renderer-manager"

// The times of client-go's leader election, which are Kubernetes' own. A manager that can't renew stops renewDeadline after it last did, and no
// other begins before electionTerm.
const (
	electionTerm  = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// standForElection works whenever this manager is elected, until ctx ends. The Lease is given up only when the worker has ended, so that
// another manager never works beside it.
func (m *Manager) standForElection(ctx context.Context) error {
	config := rest.CopyConfig(m.options.Config)
	config.Timeout = renewDeadline / 2 // of each try, so that a connection that says nothing does not use up all of them
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("use the API server: %w", err)
	}
	lock := &heardLock{m.trouble, &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: m.options.Namespace, Name: ElectionLease}, Client: client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: m.options.Identity},
	}}
	for ctx.Err() == nil {
		if err := m.term(ctx, lock); err != nil {
			return err
		}
	}
	return nil
}

// heardLock tells why nobody can be elected.
type heardLock struct {
	trouble *trouble
	resourcelock.Interface
}

// Get implements resourcelock.Interface.
func (l *heardLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if !apierrors.IsNotFound(err) { // it is made then
		l.heard(ctx, err)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *heardLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Create(ctx, record)
	l.heard(ctx, err)
	return err
}

// Update implements resourcelock.Interface.
func (l *heardLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Update(ctx, record)
	l.heard(ctx, err)
	return err
}

func (l *heardLock) heard(ctx context.Context, err error) {
	switch {
	case err == nil:
		l.trouble.over("elect", "the Lease of the election can be used again")
	case ctx.Err() != nil, apierrors.IsConflict(err), apierrors.IsAlreadyExists(err): // another one was first
	default:
		l.trouble.tell("elect", "the Lease of the election can't be used, so this manager can't be elected", "lease", l.Describe(), "error", err.Error())
	}
}

// term is one candidature: until elected, and then until the Lease is lost or ctx ends.
func (m *Manager) term(ctx context.Context, lock resourcelock.Interface) error {
	election, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	ended := make(chan struct{})
	started := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: ElectionLease, ReleaseOnCancel: true,
		LeaseDuration: electionTerm, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { started <- leading },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	m.elector.Store(elector)
	go func() {
		defer close(ended)
		elector.Run(election)
	}()
	select {
	case <-ctx.Done():
	case <-ended:
	case leading := <-started:
		m.log.Info("this manager works now", "identity", m.options.Identity)
		m.work(ctx, leading)
		m.log.Info("this manager works no more", "identity", m.options.Identity)
	}
	giveUp()
	<-ended
	return nil
}

// work works until either ctx ends or the Lease is lost.
func (m *Manager) work(ctx, leading context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(leading, stop)()
	m.lead(ctx)
}

// stuckAfter is how long a manager may be without its Lease and not have stopped to work.
const stuckAfter = 20 * time.Second

// Healthy tells of a manager that has lost its Lease long ago and works all the same: it hangs, and is to be started anew.
func (m *Manager) Healthy() error {
	if e := m.elector.Load(); e != nil {
		return e.Check(stuckAfter)
	}
	return nil
}
