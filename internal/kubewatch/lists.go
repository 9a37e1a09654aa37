package kubewatch

import (
	"context"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// Objects lists and watches objects of kinds that are not Kubernetes' own, as they come: each is decoded by itself then, so what stands in one can't
// hurt another, as it would in a typed list. labels choose among them; empty: all.
func Objects(client dynamic.ResourceInterface, labels string) cache.ListWatch {
	return cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = labels
			list, err := client.List(ctx, o)
			if err != nil {
				return nil, err // never a typed nil
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			o.LabelSelector = labels
			return client.Watch(ctx, o)
		},
	}
}

// LoadBalancers has an API server choose the Services of type LoadBalancer, as long as it can.
type LoadBalancers struct{ cannot atomic.Bool }

// Balanced is how they are chosen.
const Balanced = "spec.type=LoadBalancer"

// Choose changes what is asked for.
func (l *LoadBalancers) Choose(o *metav1.ListOptions) {
	if !l.cannot.Load() {
		o.FieldSelector = Balanced
	}
}

// Refused takes in that the API server can't choose them, as old ones can't: all are read then. It is true once.
func (l *LoadBalancers) Refused(err error) bool {
	return apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "field label") && !l.cannot.Swap(true)
}
