package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is baremetal.cluster.gke.io/v1.
var GroupVersion = schema.GroupVersion{Group: "baremetal.cluster.gke.io", Version: "v1"}

const (
	// NamespacePrefix and a cluster's name make the namespace of its objects, where nothing else was chosen.
	NamespacePrefix = "cluster-"
	// NodePoolLabel of a Node is the name of its NodePool.
	NodePoolLabel = "baremetal.cluster.gke.io/node-pool"
)

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Cluster{}, &ClusterList{}, &NodePool{}, &NodePoolList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
