// Package v1alpha1 holds the kind of group baremetal.cluster.gke.io that is still v1alpha1 and matters here: ClusterCIDRConfig.
//
// +kubebuilder:object:generate=true
// +groupName=baremetal.cluster.gke.io
package v1alpha1
