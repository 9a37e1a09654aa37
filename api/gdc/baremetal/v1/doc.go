// Package v1 holds what matters here of the kinds of group baremetal.cluster.gke.io: Cluster and NodePool. They belong to GDC and have many more
// fields: decode them, and never write them back. The CRDs that are made of these types keep all fields that are not here, and are for clusters
// without GDC; on GDC the vendor's own are there.
//
// +kubebuilder:object:generate=true
// +groupName=baremetal.cluster.gke.io
package v1
