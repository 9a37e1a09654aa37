package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterType says what a cluster is for.
//
// +kubebuilder:validation:Enum=admin;hybrid;standalone;user
type ClusterType string

// The types of clusters. An admin cluster has a control plane to announce, and no Services.
const (
	AdminCluster      ClusterType = "admin"
	HybridCluster     ClusterType = "hybrid"
	StandaloneCluster ClusterType = "standalone"
	UserCluster       ClusterType = "user"
)

// ClusterSpec is what matters here of a cluster.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:XValidation:message="clusterNetwork.advancedNetworking can't be changed: it is set when the cluster is made",rule="(has(self.clusterNetwork) && has(self.clusterNetwork.advancedNetworking) && self.clusterNetwork.advancedNetworking) == (has(oldSelf.clusterNetwork) && has(oldSelf.clusterNetwork.advancedNetworking) && oldSelf.clusterNetwork.advancedNetworking)"
// +kubebuilder:validation:XValidation:message="clusterNetwork.flatIPv4 can't be changed: it is set when the cluster is made",rule="(has(self.clusterNetwork) && has(self.clusterNetwork.flatIPv4) && self.clusterNetwork.flatIPv4) == (has(oldSelf.clusterNetwork) && has(oldSelf.clusterNetwork.flatIPv4) && oldSelf.clusterNetwork.flatIPv4)"
// +kubebuilder:validation:XValidation:message="loadBalancer.type can't be changed: it is set when the cluster is made (layer2 where it was left out)",rule="(has(self.loadBalancer) && has(self.loadBalancer.type) ? self.loadBalancer.type : 'layer2') == (has(oldSelf.loadBalancer) && has(oldSelf.loadBalancer.type) ? oldSelf.loadBalancer.type : 'layer2')"
type ClusterSpec struct {
	// Type of the cluster.
	// +optional
	Type ClusterType `json:"type,omitempty"`

	// ClusterNetwork are the cluster's networks.
	// +optional
	ClusterNetwork ClusterNetwork `json:"clusterNetwork,omitempty"`

	// ControlPlane are the nodes of the control plane.
	// +optional
	ControlPlane ControlPlane `json:"controlPlane,omitempty"`

	// LoadBalancer is how the cluster is reached.
	// +optional
	LoadBalancer LoadBalancer `json:"loadBalancer,omitempty"`
}

// ClusterNetwork are the cluster's networks. The last rule asks, octet by octet, whether an IPv4 block lies in one of now: the API server has words for that since 1.31.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:XValidation:message="pods.cidrBlocks can't be changed: they are set when the cluster is made",rule="!has(oldSelf.pods) || !has(oldSelf.pods.cidrBlocks) || has(self.pods) && has(self.pods.cidrBlocks) && self.pods.cidrBlocks == oldSelf.pods.cidrBlocks"
// +kubebuilder:validation:XValidation:message="an IPv4 block of services.cidrBlocks can't be taken away or made smaller: it may only grow",rule="!has(oldSelf.services) || !has(oldSelf.services.cidrBlocks) || oldSelf.services.cidrBlocks.all(o, o.contains(':') || has(self.services) && has(self.services.cidrBlocks) && self.services.cidrBlocks.exists(n, n == o || n.matches('^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$') && [int(n.split('/')[1])].all(l, l <= int(o.split('/')[1]) && [0,1,2,3].all(i, int(n.split('/')[0].split('.')[i]) / (l - 8*i >= 8 ? 1 : l - 8*i <= 0 ? 256 : [256,128,64,32,16,8,4,2,1][l - 8*i]) == int(o.split('/')[0].split('.')[i]) / (l - 8*i >= 8 ? 1 : l - 8*i <= 0 ? 256 : [256,128,64,32,16,8,4,2,1][l - 8*i])))))"
type ClusterNetwork struct {
	// AdvancedNetworking turns NetworkGatewayGroups on: BGP for Services needs it. It can't be changed later.
	// +optional
	AdvancedNetworking bool `json:"advancedNetworking,omitempty"`

	// FlatIPv4 makes pods' IPv4 addresses reachable from outside. It can't be changed later.
	// +optional
	FlatIPv4 bool `json:"flatIPv4,omitempty"`

	// Pods are the addresses of pods. They can't be changed later.
	// +optional
	Pods CIDRBlocks `json:"pods,omitempty"`

	// Services are the addresses of Services inside the cluster. A cluster with an IPv4 and an IPv6 block is dual stack. IPv4 blocks may
	// grow later, and nothing else.
	// +optional
	Services CIDRBlocks `json:"services,omitempty"`
}

// CIDRBlocks are ranges of addresses.
//
// +kubebuilder:pruning:PreserveUnknownFields
type CIDRBlocks struct {
	// CIDRBlocks such as 10.96.0.0/16 or fd00::/112.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=64
	// +kubebuilder:validation:items:MaxLength:=64
	CIDRBlocks []string `json:"cidrBlocks,omitempty"`
}

// ControlPlane are the nodes of the control plane.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ControlPlane struct {
	// NodePoolSpec lists them.
	// +optional
	NodePoolSpec NodePoolSpec `json:"nodePoolSpec,omitempty"`
}

// NodePoolSpec lists nodes. It is the spec of a NodePool, and stands in a Cluster for its control plane and its load balancer.
//
// +kubebuilder:pruning:PreserveUnknownFields
type NodePoolSpec struct {
	// ClusterName of the cluster that a NodePool belongs to.
	// +optional
	ClusterName string `json:"clusterName,omitempty"`

	// Nodes of the pool. A node is in one pool only.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=2000
	Nodes []PoolNode `json:"nodes,omitempty"`
}

// PoolNode is a machine.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PoolNode struct {
	// Address of the machine, IPv4.
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="address of a node is an IPv4 address such as 10.0.1.10",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	Address string `json:"address"`

	// K8sIP is the address that Kubernetes' traffic uses, IPv4, where that is another.
	// +optional
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="k8sIP of a node is an IPv4 address such as 10.0.1.10",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	K8sIP string `json:"k8sIP,omitempty"`
}

// NodeIP is the address of the machine as a node of Kubernetes: k8sIP, otherwise address.
func (n PoolNode) NodeIP() string {
	if n.K8sIP != "" {
		return n.K8sIP
	}
	return n.Address
}

// LoadBalancerMode says who balances load.
//
// +kubebuilder:validation:Enum=bundled;manual
type LoadBalancerMode string

const (
	// BundledLoadBalancer: the cluster itself does.
	BundledLoadBalancer LoadBalancerMode = "bundled"
	// ManualLoadBalancer: something outside does.
	ManualLoadBalancer LoadBalancerMode = "manual"
)

// LoadBalancerType says how a bundled load balancer is reached.
//
// +kubebuilder:validation:Enum=bgp;layer2
type LoadBalancerType string

const (
	// BGPType: routers learn the addresses over BGP.
	BGPType LoadBalancerType = "bgp"
	// Layer2Type: one node answers for an address. It is the default.
	Layer2Type LoadBalancerType = "layer2"
)

// LoadBalancer is how the cluster is reached.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:XValidation:message="type bgp needs mode bundled",rule="!has(self.type) || self.type != 'bgp' || !has(self.mode) || self.mode == 'bundled'"
// +kubebuilder:validation:XValidation:message="type bgp needs localASN, the AS number of the cluster",rule="!has(self.type) || self.type != 'bgp' || has(self.localASN)"
// +kubebuilder:validation:XValidation:message="type bgp needs at least one peer in bgpPeers",rule="!has(self.type) || self.type != 'bgp' || has(self.bgpPeers) && size(self.bgpPeers) > 0"
// +kubebuilder:validation:XValidation:message="the asn of one of bgpPeers is localASN: sessions are eBGP only, asn is the router's own AS number",rule="!has(self.localASN) || !has(self.bgpPeers) || self.bgpPeers.all(p, p.asn != self.localASN)"
// +kubebuilder:validation:XValidation:message="ports can't be changed: they are set when the cluster is made",rule="!has(oldSelf.ports) || has(self.ports) && self.ports == oldSelf.ports"
// +kubebuilder:validation:XValidation:message="vips can't be changed: they are set when the cluster is made",rule="!has(oldSelf.vips) || has(self.vips) && self.vips == oldSelf.vips"
// +kubebuilder:validation:XValidation:message="a pool of addressPools can't be taken away or renamed: add others",rule="!has(oldSelf.addressPools) || oldSelf.addressPools.all(o, has(self.addressPools) && self.addressPools.exists(n, n.name == o.name))"
// +kubebuilder:validation:XValidation:message="nodePoolSpec can't be added later: without it the nodes of the control plane take traffic, for good",rule="has(oldSelf.nodePoolSpec) || !has(self.nodePoolSpec)"
type LoadBalancer struct {
	// Mode: bundled or manual.
	// +optional
	Mode LoadBalancerMode `json:"mode,omitempty"`

	// Type: bgp or layer2. Left out: layer2. It can't be changed later.
	// +optional
	Type LoadBalancerType `json:"type,omitempty"`

	// LocalASN is the AS number of the cluster, 1 to 4294967295, as a number or a text.
	// +optional
	LocalASN ASN `json:"localASN,omitempty"`

	// BGPPeers are the routers that control-plane nodes peer with. They are those of Services, too, where there is no BGPLoadBalancer or no
	// BGPPeer. Two or more are recommended.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=16
	// +kubebuilder:validation:XValidation:message="a router stands twice in bgpPeers: put all nodes into controlPlaneNodes of one of the two",rule="self.all(a, self.exists_one(b, b.ip == a.ip))"
	BGPPeers []ControlPlanePeer `json:"bgpPeers,omitempty"`

	// Ports of the control plane.
	// +optional
	Ports Ports `json:"ports,omitempty"`

	// VIPs are the cluster's own addresses. They can't be changed later.
	// +optional
	VIPs VIPs `json:"vips,omitempty"`

	// AddressPools are the addresses of Services of type LoadBalancer. Pools may be added, and not taken away.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=128
	// +kubebuilder:validation:XValidation:message="a name stands twice in addressPools: rename one",rule="self.all(a, self.exists_one(b, b.name == a.name))"
	AddressPools []AddressPool `json:"addressPools,omitempty"`

	// NodePoolSpec lists the nodes that traffic for Services comes to. Left out: those of the control plane; given, it replaces them. It can't be
	// added later; its nodes may be changed.
	// +optional
	NodePoolSpec *NodePoolSpec `json:"nodePoolSpec,omitempty"`
}

// ControlPlanePeer is a router that control-plane nodes peer with.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ControlPlanePeer struct {
	// IP of the router, IPv4. It may be several hops away.
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="ip of one of bgpPeers is an IPv4 address such as 10.8.0.10: sessions are IPv4 only",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	IP string `json:"ip"`

	// ASN of the router, 1 to 4294967295, as a number or a text, and another than localASN.
	ASN ASN `json:"asn"`

	// ControlPlaneNodes are addresses of the control-plane nodes that peer with it, IPv4. Empty: all do. Sessions for Services don't heed it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=16
	// +kubebuilder:validation:items:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="each of controlPlaneNodes is the IPv4 address of a control-plane node, such as 10.0.1.10",rule="self.all(a, a.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$'))"
	// +kubebuilder:validation:XValidation:message="an address stands twice in controlPlaneNodes: delete one",rule="self.all(a, self.exists_one(b, b == a))"
	ControlPlaneNodes []string `json:"controlPlaneNodes,omitempty"`
}

// Ports of the control plane.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Ports struct {
	// ControlPlaneLBPort is where the API server is reached at controlPlaneVIP.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ControlPlaneLBPort int32 `json:"controlPlaneLBPort,omitempty"`
}

// VIPs are the cluster's own addresses.
//
// +kubebuilder:pruning:PreserveUnknownFields
type VIPs struct {
	// ControlPlaneVIP is the address of the API server, IPv4, outside of all addressPools.
	// +optional
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="controlPlaneVIP is an IPv4 address such as 10.0.0.8: there is no IPv6 load balancing of the control plane",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	ControlPlaneVIP string `json:"controlPlaneVIP,omitempty"`

	// IngressVIP is the address of the ingress, IPv4, out of one of addressPools.
	// +optional
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="ingressVIP is an IPv4 address such as 10.0.0.1",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	IngressVIP string `json:"ingressVIP,omitempty"`
}

// AddressPool are addresses of Services of type LoadBalancer.
//
// +kubebuilder:pruning:PreserveUnknownFields
type AddressPool struct {
	// Name of the pool.
	// +kubebuilder:validation:MinLength:=1
	// +kubebuilder:validation:MaxLength:=253
	Name string `json:"name"`

	// Addresses as blocks (203.0.113.0/24) or ranges (203.0.113.1-203.0.113.20), IPv4 and IPv6.
	// +listType=atomic
	// +kubebuilder:validation:MinItems:=1
	// +kubebuilder:validation:MaxItems:=1024
	// +kubebuilder:validation:items:MaxLength:=100
	Addresses []string `json:"addresses"`

	// AvoidBuggyIPs leaves out addresses that end in .0 and .255.
	// +optional
	AvoidBuggyIPs bool `json:"avoidBuggyIPs,omitempty"`

	// ManualAssign keeps the pool for Services that ask for an address of it.
	// +optional
	ManualAssign bool `json:"manualAssign,omitempty"`
}

// Cluster is a cluster of GDC: what matters here of it.
//
// +kubebuilder:object:root=true
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ClusterSpec `json:"spec,omitempty"`

	// Status is kept as it is.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterStatus is nothing that matters here.
type ClusterStatus struct{}

// ClusterList is a list of Clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}
