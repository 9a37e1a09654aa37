package status

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/gentype"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

const (
	labelServiceName      = "metallb.io/service-name"
	labelServiceNamespace = "metallb.io/service-namespace"
)

// serviceStatuses keeps one ServiceBGPStatus for each Service that this node announces to anybody.
type serviceStatuses struct {
	node   string
	client *gentype.ClientWithList[*v1beta1.ServiceBGPStatus, *v1beta1.ServiceBGPStatusList]
	mirror *mirror[*v1beta1.ServiceBGPStatus]
	writer *writer
	owner  *owner

	mu     sync.Mutex
	wanted map[string][]string // peers by NAMESPACE/NAME; nil: not known yet
}

// want takes what the node announces, seen running.
func (s *serviceStatuses) want(announcements []translate.Announcement) {
	wanted := make(map[string][]string, len(announcements))
	for _, a := range announcements {
		if a.Reason == translate.Announced && len(a.Peers) > 0 {
			wanted[a.Namespace+"/"+a.Name] = a.Peers
		}
	}
	s.mu.Lock()
	before := s.wanted
	s.wanted = wanted
	s.mu.Unlock()
	if before == nil {
		s.all()
		return
	}
	for key, peers := range wanted {
		if old, ok := before[key]; !ok || !slices.Equal(old, peers) {
			s.writer.queue.Add(key)
		}
	}
	for key := range before {
		if _, ok := wanted[key]; !ok {
			s.writer.queue.Add(key)
		}
	}
}

// all looks at every object that is there, and at every one that should be: what an earlier run has left is taken over, or deleted.
func (s *serviceStatuses) all() {
	s.mu.Lock()
	for key := range s.wanted {
		s.writer.queue.Add(key)
	}
	s.mu.Unlock()
	for _, o := range s.mirror.informer.GetStore().List() {
		s.writer.queue.Add(serviceOf(o.(*v1beta1.ServiceBGPStatus)))
	}
}

// serviceOf is the key of an object.
func serviceOf(o *v1beta1.ServiceBGPStatus) string {
	return o.Labels[labelServiceNamespace] + "/" + o.Labels[labelServiceName]
}

// bring implements writer.
func (s *serviceStatuses) bring(ctx context.Context, key string) (wrote bool, err error) {
	s.mu.Lock()
	peers, known := s.wanted[key], s.wanted != nil
	s.mu.Unlock()
	if !known || !s.mirror.informer.HasSynced() {
		return false, nil
	}
	namespace, name, _ := cutKey(key)
	there := s.mine(key)
	keep := slices.IndexFunc(there, func(o *v1beta1.ServiceBGPStatus) bool { return isOf(o, s.node, namespace, name) })
	for i, o := range there {
		if i == keep && len(peers) > 0 {
			continue
		}
		wrote = true
		if err := s.remove(ctx, o); err != nil {
			return wrote, err
		}
	}
	if len(peers) == 0 {
		return wrote, nil
	}
	owners, err := s.owner.references(ctx)
	if err != nil {
		return wrote, err
	}
	labels := map[string]string{labelNode: labelValue(s.node), labelServiceName: name, labelServiceNamespace: namespace}
	var one *v1beta1.ServiceBGPStatus
	if keep == -1 {
		one, err = s.client.Create(ctx, &v1beta1.ServiceBGPStatus{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1beta1.GroupVersion.String(), Kind: "ServiceBGPStatus"},
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bgp-", Labels: labels, OwnerReferences: owners},
		}, metav1.CreateOptions{})
		if err != nil {
			return true, err
		}
		s.mirror.answered(one)
		wrote = true
	} else {
		var mended bool
		if one, mended, err = mend(ctx, s.client, s.mirror, there[keep], labels, owners); err != nil {
			return true, err
		}
		wrote = wrote || mended
	}
	told, err := s.tell(ctx, one, v1beta1.MetalLBServiceBGPStatus{Node: s.node, ServiceName: name, ServiceNamespace: namespace, Peers: peers})
	return wrote || told, err
}

// mine are the objects of a Service on this node, the oldest first. Two nodes with names of more than 63 characters may have the same label.
func (s *serviceStatuses) mine(key string) []*v1beta1.ServiceBGPStatus {
	there := s.mirror.of(key, serviceOf)
	there = slices.DeleteFunc(there, func(o *v1beta1.ServiceBGPStatus) bool {
		foreign := s.node != labelValue(s.node) && o.Status.Node != "" && o.Status.Node != s.node
		return foreign || o.DeletionTimestamp != nil // somebody's finalizer holds it
	})
	slices.SortFunc(there, func(a, b *v1beta1.ServiceBGPStatus) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return there
}

// isOf tells whether the object can be that of the Service: what names them can't be changed once it is there.
func isOf(o *v1beta1.ServiceBGPStatus, node, namespace, name string) bool {
	return (o.Status.Node == "" || o.Status.Node == node) &&
		(o.Status.ServiceNamespace == "" || o.Status.ServiceNamespace == namespace) && (o.Status.ServiceName == "" || o.Status.ServiceName == name)
}

func (s *serviceStatuses) tell(ctx context.Context, one *v1beta1.ServiceBGPStatus, wanted v1beta1.MetalLBServiceBGPStatus) (wrote bool, err error) {
	if one.Status.Node == wanted.Node && one.Status.ServiceName == wanted.ServiceName && one.Status.ServiceNamespace == wanted.ServiceNamespace &&
		slices.Equal(one.Status.Peers, wanted.Peers) {
		return false, nil
	}
	patch, err := json.Marshal(map[string]any{"status": wanted})
	if err != nil {
		return false, err
	}
	patched, err := s.client.Patch(ctx, one.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return true, settled(s.mirror, patched, err)
}

// remove deletes exactly this object, not one that somebody made in its place.
func (s *serviceStatuses) remove(ctx context.Context, o *v1beta1.ServiceBGPStatus) error {
	err := s.client.Delete(ctx, o.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(o.UID))})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		s.mirror.forget(o)
		return nil
	}
	return err
}
