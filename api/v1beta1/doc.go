// Package v1beta1 holds the kinds that metallb.io serves as v1beta1: IPAddressPool, BGPAdvertisement, BFDProfile, Community, and the
// old form of BGPPeer, which sources turn into v1beta2, and the kinds that speakers write: ServiceBGPStatus, ConfigurationState.
//
// +kubebuilder:object:generate=true
// +groupName=metallb.io
package v1beta1
