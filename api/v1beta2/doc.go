// Package v1beta2 holds the kinds that metallb.io serves as v1beta2: BGPPeer. Field names, defaults and the checks that the API
// server makes are MetalLB's, so that one object serves both; what a field makes FRR do is decided in internal/translate.
//
// +kubebuilder:object:generate=true
// +groupName=metallb.io
package v1beta2
