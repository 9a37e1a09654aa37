package nodereport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// nodeWriter keeps the NetworkGatewayNode of the node.
type nodeWriter struct {
	node    string
	current func() *Report
	objects dynamic.ResourceInterface
	nodes   dynamic.ResourceInterface
	bell    bell
	pace    *pace
	outage  *status.Outage
	log     *slog.Logger
	// older tells that the API server does not know that a floating IP can be refused: its CRDs were not updated with the program.
	older bool
	// told is closed with the first write: what the object said before a crash counts no more.
	told  chan struct{}
	first bool

	// is the object as the API server has it, by its last answer; nil: that is not known.
	is *networking.NetworkGatewayNode
}

// run writes until ctx ends.
func (n *nodeWriter) run(ctx context.Context) {
	for ctx.Err() == nil {
		if wait := n.turn(ctx); wait > 0 {
			sleep(ctx, n.bell, wait)
			sleep(ctx, nil, together)
		}
	}
}

// turn writes what is due, and tells when to look again.
func (n *nodeWriter) turn(ctx context.Context) time.Duration {
	r := n.current()
	if r == nil {
		return never
	}
	differs := n.differs(*r)
	now := time.Now()
	if left := n.pace.left(now, differs); left > 0 {
		return left
	}
	if err := n.write(ctx, *r); err != nil {
		n.pace.failed(now)
		n.outage.Seen(ctx, err)
		return n.pace.left(now, differs)
	}
	n.pace.wrote(now, differs)
	n.outage.Over()
	if n.first {
		n.first = false
		close(n.told)
	}
	return 0
}

func (n *nodeWriter) differs(r Report) difference {
	if n.is == nil || n.first {
		return matters
	}
	if n.older {
		r = r.older()
	}
	return nodeDifference(nodeStatus(r, n.is.Status.Conditions), n.is.Status)
}

// write writes the status. An object that was deleted is made anew.
func (n *nodeWriter) write(ctx context.Context, r Report) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if n.is == nil {
		if err := n.find(ctx); err != nil {
			return err
		}
	}
	err := n.tell(ctx, r)
	if apierrors.IsNotFound(err) {
		if err := n.find(ctx); err != nil {
			return err
		}
		return n.tell(ctx, r)
	}
	return err
}

// tell writes what the API server takes. One that does not know a state that is told takes nothing of the status; each write tries anew.
func (n *nodeWriter) tell(ctx context.Context, r Report) error {
	err := n.patch(ctx, r)
	if err == nil || !apierrors.IsInvalid(err) || !r.refuses() {
		n.older = n.older && err != nil
		return err
	}
	if err := n.patch(ctx, r.older()); err != nil {
		return err
	}
	if !n.older {
		n.older = true
		n.log.Warn("the API server does not know that a floating IP can be refused: update its CRDs to have such a one moved", "error", err)
	}
	return nil
}

// find reads the object, and makes it where there is none.
func (n *nodeWriter) find(ctx context.Context) error {
	n.is = nil
	u, err := n.objects.Get(ctx, n.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		u, err = n.create(ctx)
	}
	if err != nil {
		return err
	}
	return n.take(u)
}

// create makes the object, which goes with its Node: Kubernetes' garbage collector deletes it then. A Node that comes back under the same name is another
// owner, and the object is made anew with the next report.
func (n *nodeWriter) create(ctx context.Context) (*unstructured.Unstructured, error) {
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, n.node).String()
	nodes, err := n.nodes.List(ctx, metav1.ListOptions{FieldSelector: only})
	if err != nil {
		return nil, err
	}
	if len(nodes.Items) == 0 {
		return nil, fmt.Errorf("the API server has no Node %q, so there is nothing to tell of it", n.node)
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(networking.GroupVersion.WithKind("NetworkGatewayNode"))
	u.SetName(n.node)
	u.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Node", Name: n.node, UID: nodes.Items[0].GetUID()}})
	return n.objects.Create(ctx, u, metav1.CreateOptions{FieldManager: FieldManager})
}

func (n *nodeWriter) patch(ctx context.Context, r Report) error {
	told := nodeStatus(r, n.is.Status.Conditions)
	text, err := json.Marshal(map[string]any{"status": map[string]any{
		"subnets": told.Subnets, "floatingIPs": told.FloatingIPs, "state": told.State, "conditions": told.Conditions, "lastReportTime": metav1.Now(),
	}})
	if err != nil {
		return fmt.Errorf("BUG: a status is not JSON: %w", err)
	}
	u, err := n.objects.Patch(ctx, n.node, types.MergePatchType, text, metav1.PatchOptions{FieldManager: FieldManager}, "status")
	if err != nil {
		return err
	}
	return n.take(u)
}

// take takes in an answer of the API server.
func (n *nodeWriter) take(u *unstructured.Unstructured) error {
	is := &networking.NetworkGatewayNode{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, is); err != nil {
		return fmt.Errorf("read the NetworkGatewayNode: %w", err)
	}
	n.is = is
	return nil
}
