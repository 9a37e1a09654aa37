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
}

// references asks for the pod until it is known, and not again: a pod of the same name is another one, in another process.
func (o *owner) references(ctx context.Context) ([]metav1.OwnerReference, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known || o.pod == "" {
		return o.found, nil
	}
	pod, err := o.pods.Get(ctx, o.pod, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		o.log.Warn("the pod of --pod-name can't be read: status objects get no owner, and stay when it is gone", "pod", o.pod, "error", note(err.Error()))
	case err != nil:
		return nil, err
	default:
		o.found = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}
	}
	o.known = true
	return o.found, nil
}
