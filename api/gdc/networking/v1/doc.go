// Package v1 holds the kinds of group networking.gke.io: which floating IPs there are (NetworkGatewayGroup), which routers to peer with
// (BGPPeer, BGPLoadBalancer), and what we tell about it (BGPSession, BGPAdvertisedRoute, NetworkGatewayNode).
//
// No Go types of these kinds are public: fields and names are those of the vendor's documents. What the documents leave open, status and
// NetworkGatewayNode above all, is ours, and each comment says so. The BGPPeer of group metallb.io is another kind with other fields.
//
// +kubebuilder:object:generate=true
// +groupName=networking.gke.io
package v1
