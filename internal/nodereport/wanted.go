package nodereport

import (
	"context"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// wanted lists from the API server itself, not from a cache of anybody's, which floating IPs a node is to hold by the groups of a namespace; empty: of all.
func wanted(ctx context.Context, groups dynamic.ResourceInterface, node, namespace string) ([]netip.Addr, error) {
	all, err := groups.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return placed(all.Items, node, namespace), nil
}

// placed are the floating IPs that groups place on a node.
func placed(groups []unstructured.Unstructured, node, namespace string) []netip.Addr {
	out := []netip.Addr{}
	for i := range groups {
		if namespace != "" && groups[i].GetNamespace() != namespace {
			continue
		}
		held, _, _ := unstructured.NestedStringMap(groups[i].Object, "status", "floatingIPs")
		for addr, holder := range gateway.Placed(held) {
			if holder == node && !slices.Contains(out, addr) {
				out = append(out, addr)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}
