package kubewatch

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "n1", UID: "1", ResourceVersion: "1", CreationTimestamp: metav1.Unix(1, 0), Labels: map[string]string{"rack": "a"},
		Annotations: map[string]string{
			"frr-renderer.io/allow-resets": "x", "networking.gke.io/network-status": "[]", "baremetal.cluster.gke.io/maintenance": "true", "else": "x",
		},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
	}}
	n.Spec.PodCIDR, n.Spec.Unschedulable = "10.1.0.0/24", true
	n.Spec.Taints = []corev1.Taint{{Key: "else"}, {Key: "baremetal.cluster.gke.io/maintenance", Effect: corev1.TaintEffectNoSchedule, TimeAdded: &metav1.Time{Time: time.Unix(1, 0)}}}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "n1"}, {Type: corev1.NodeInternalIP, Address: "10.0.1.10"}, {Type: corev1.NodeExternalIP, Address: "192.0.2.1"}}
	n.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Unix(1, 0)}, {Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionFalse},
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
	}
	n.Status.Images = make([]corev1.ContainerImage, 50)
	if change != nil {
		change(n)
	}
	return n
}

// What is told again and again is no change, in either mode; what decides in GDC mode is one in that alone.
func TestWhatIsAChangeOfANode(t *testing.T) {
	type form struct{ plain, gateway bool }
	for what, one := range map[string]struct {
		change func(*corev1.Node)
		form
	}{
		"a heartbeat":         {func(n *corev1.Node) { n.Status.Conditions[0].LastHeartbeatTime = metav1.Unix(9, 0) }, form{}},
		"another condition":   {func(n *corev1.Node) { n.Status.Conditions[2].Status = corev1.ConditionTrue }, form{}},
		"images":              {func(n *corev1.Node) { n.Status.Images = nil }, form{}},
		"another taint":       {func(n *corev1.Node) { n.Spec.Taints[0].Key = "gone" }, form{}},
		"another annotation":  {func(n *corev1.Node) { n.Annotations["else"] = "y" }, form{}},
		"its host name":       {func(n *corev1.Node) { n.Status.Addresses[0].Address = "n2" }, form{}},
		"Ready":               {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }, form{gateway: true}},
		"cordoned":            {func(n *corev1.Node) { n.Spec.Unschedulable = false }, form{gateway: true}},
		"the taint":           {func(n *corev1.Node) { n.Spec.Taints = n.Spec.Taints[:1] }, form{gateway: true}},
		"in maintenance":      {func(n *corev1.Node) { delete(n.Annotations, "baremetal.cluster.gke.io/maintenance") }, form{gateway: true}},
		"its subnets":         {func(n *corev1.Node) { n.Annotations["networking.gke.io/network-status"] = "[{}]" }, form{gateway: true}},
		"our annotation":      {func(n *corev1.Node) { n.Annotations["frr-renderer.io/allow-resets"] = "y" }, form{true, true}},
		"a label":             {func(n *corev1.Node) { n.Labels["rack"] = "b" }, form{true, true}},
		"an address":          {func(n *corev1.Node) { n.Status.Addresses[1].Address = "10.0.1.11" }, form{true, true}},
		"without its network": {func(n *corev1.Node) { n.Status.Conditions[1].Status = corev1.ConditionTrue }, form{true, true}},
	} {
		t.Run(what, func(t *testing.T) {
			differs := func(trim func(*corev1.Node)) bool {
				before, after := node(nil), node(one.change)
				trim(before)
				trim(after)
				require.Empty(t, before.ManagedFields)
				return !reflect.DeepEqual(before, after)
			}
			require.Equal(t, one.form, form{differs(TrimNode), differs(TrimGatewayNode)})
		})
	}
}
