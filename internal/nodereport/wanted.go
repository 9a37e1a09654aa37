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

// wanted lists from the API server itself, not from a cache of anybody's, which floating IPs a node is to hold.
func wanted(ctx context.Context, groups dynamic.ResourceInterface, node string) ([]netip.Addr, error) {
	all, err := groups.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	out := []netip.Addr{}
	for i := range all.Items {
		held, _, _ := unstructured.NestedStringMap(all.Items[i].Object, "status", "floatingIPs")
		for addr, holder := range gateway.Placed(held) {
			if holder == node && !slices.Contains(out, addr) {
				out = append(out, addr)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out, nil
}
