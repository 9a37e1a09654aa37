package status

import (
	"context"
	"log/slog"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// owner is the speaker's pod: Kubernetes deletes what it owns after it.
type owner struct {
	pods corev1client.PodInterface
	pod  string // empty: nobody owns anything
	log  *slog.Logger

	mu    sync.Mutex
	known bool
	found []metav1.OwnerReference
	// denied tells that the right is missing to ask.
	denied bool
}

// references asks for the pod until it is known, and not again: a pod of the same name is another one, in another process.
func (o *owner) references(ctx context.Context) ([]metav1.OwnerReference, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known || o.denied || o.pod == "" {
		return o.found, nil
	}
	return o.found, o.ask(ctx)
}

// again asks anew where the right was missing, less and less often, until ctx ends; found is called when the pod is known then.
func (o *owner) again(ctx context.Context, found func()) {
	for pause := retryEvent; restFor(ctx, pause); pause = min(2*pause, pauseMost) {
		if o.retry(ctx) {
			found()
		}
	}
}

func (o *owner) retry(ctx context.Context) (found bool) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.denied && o.ask(ctx) == nil && o.found != nil
}

// ask asks for the pod. Holding the lock.
func (o *owner) ask(ctx context.Context) error {
	pod, err := o.pods.Get(ctx, o.pod, metav1.GetOptions{})
	o.denied = Denied(err)
	switch {
	case o.denied: // which is told; the status objects do without an owner meanwhile
		return nil
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		o.log.Warn("the pod of --pod-name can't be read: status objects get no owner, and stay when it is gone", "pod", o.pod, "error", note(err.Error()))
	case err != nil:
		return err
	default:
		o.found = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}
	}
	o.known = true
	return nil
}
