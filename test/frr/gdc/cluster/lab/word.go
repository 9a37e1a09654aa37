package lab

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// followAPI notes what the API server says: whom the manager names for each floating IP, and when agents renew their leases. It goes by a way of the test's
// own, through none of the gates.
func (w *Watch) followAPI() {
	ctx, cancel := context.WithCancel(context.Background())
	w.wait.Go(func() {
		<-w.stop
		cancel()
	})
	w.wait.Go(func() { w.follow(ctx, w.l.of(groups, ClusterNamespace), w.hearGroup) })
	w.wait.Go(func() { w.follow(ctx, w.l.of(leases, Namespace), w.hearLease) })
}

// follow hears of all objects as they are, and of every change, until ctx ends.
func (w *Watch) follow(ctx context.Context, of dynamic.ResourceInterface, hear func(*unstructured.Unstructured)) {
	for ctx.Err() == nil {
		changes, err := of.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			time.Sleep(look)
			continue
		}
		for c := range changes.ResultChan() {
			if o, ok := c.Object.(*unstructured.Unstructured); ok {
				hear(o)
			}
		}
	}
}

func (w *Watch) hearGroup(o *unstructured.Unstructured) {
	holders, _, _ := unstructured.NestedStringMap(o.Object, "status", "floatingIPs")
	for f, line := range w.named {
		line.put(time.Now(), holders[f])
	}
}

func (w *Watch) hearLease(o *unstructured.Unstructured) {
	node, _, _ := unstructured.NestedString(o.Object, "spec", "holderIdentity")
	at, _, _ := unstructured.NestedString(o.Object, "spec", "renewTime")
	if line := w.renewed[node]; line != nil {
		line.put(time.Now(), at)
	}
}

// Unrenewed is the longest time, of those that end in it or last, for which no renewal of a node's lease came to the API server.
func (s Span) Unrenewed(node string) time.Duration {
	var longest time.Duration
	s.w.renewed[node].gaps(s.From, s.To, func(_ time.Time, gap time.Duration) { longest = max(longest, gap) })
	return longest
}

// term is that of agents' leases.
const term = 4 * time.Second

// said are the events of the API server: they explain what became of floating IPs.
func (s Span) said() []Event {
	var out []Event
	for f, line := range s.w.named {
		out = append(out, events(line, s.From, func(_, now string) string { return fmt.Sprintf("the manager names %q for %s", now, f) })...)
	}
	for node, line := range s.w.renewed {
		line.gaps(s.From, s.To, func(at time.Time, gap time.Duration) {
			if gap >= term {
				out = append(out, Event{at, fmt.Sprintf("no renewal of the lease of %s for %s, until here", node, gap.Round(10*time.Millisecond))})
			}
		})
	}
	return out
}
