package chart

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// resources are where objects of a kind are written.
var resources = map[string]string{
	"Node": "nodes", "Service": "services", "EndpointSlice": "endpointslices", "Secret": "secrets", "ConfigMap": "configmaps", "BGPPeer": "bgppeers",
	"IPAddressPool": "ipaddresspools", "BGPAdvertisement": "bgpadvertisements", "BFDProfile": "bfdprofiles", "Community": "communities",
}

// apply writes objects, and their status where they have one.
func (c *cluster) apply(manifests string) {
	c.t.Helper()
	for _, text := range strings.Split(manifests, "\n---\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		o := &unstructured.Unstructured{}
		require.NoError(c.t, yaml.Unmarshal([]byte(text), &o.Object), text)
		c.write(o)
	}
}

func (c *cluster) write(o *unstructured.Unstructured) {
	c.t.Helper()
	gv, err := schema.ParseGroupVersion(o.GetAPIVersion())
	require.NoError(c.t, err)
	resource, known := resources[o.GetKind()]
	require.True(c.t, known, o.GetKind())
	client := c.dynamic.Resource(gv.WithResource(resource)).Namespace(o.GetNamespace())
	status, has := o.Object["status"]
	var written *unstructured.Unstructured
	eventually(c.t, fmt.Sprintf("%s %s is taken", o.GetKind(), o.GetName()), func() bool {
		written, err = client.Create(c.t.Context(), o, metav1.CreateOptions{})
		return err == nil || !apierrors.IsNotFound(err) // its kind is not served yet
	})
	require.NoError(c.t, err)
	if has {
		written.Object["status"] = status
		_, err = client.UpdateStatus(c.t.Context(), written, metav1.UpdateOptions{})
		require.NoError(c.t, err)
	}
}

// service has an address and an endpoint.
func service(name, address string) string {
	return fmt.Sprintf(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-a, namespace: default, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.1], conditions: {ready: true}}]
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: default}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: %[2]s}]}}
`, name, address)
}

// objects are of every kind that is read, for nodes in one rack.
const objects = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: pool, namespace: metallb-system}
spec: {addresses: [192.0.2.0/24]}
---
apiVersion: metallb.io/v1beta1
kind: Community
metadata: {name: names, namespace: metallb-system}
spec: {communities: [{name: blue, value: "64500:7"}]}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: all, namespace: metallb-system}
spec: {communities: [blue]}
---
apiVersion: metallb.io/v1beta1
kind: BFDProfile
metadata: {name: calm, namespace: metallb-system}
spec: {receiveInterval: 1000, transmitInterval: 1000}
---
apiVersion: v1
kind: Secret
metadata: {name: tor, namespace: metallb-system}
type: kubernetes.io/basic-auth
stringData: {password: a-password}
---
apiVersion: v1
kind: Secret
metadata: {name: somebody-elses, namespace: metallb-system}
stringData: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bgpextras, namespace: metallb-system}
data: {extras: "ip prefix-list beside seq 5 permit 198.51.100.0/24"}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor, namespace: metallb-system}
spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.1, connectTime: 1s, enableGracefulRestart: true, passwordSecret: {name: tor}}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor-with-bfd, namespace: metallb-system}
spec: {myASN: 64500, peerASN: 64502, peerAddress: 10.0.0.2, connectTime: 1s, bfdProfile: calm}
`
