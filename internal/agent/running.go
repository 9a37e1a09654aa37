package agent

import (
	"cmp"

	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

// runs tells what FRR was brought to.
func (b *Board) runs(snap *snapshot.Snapshot, result translate.Result) {
	out := status.Running{Node: snap.Node.Name, Services: make([]status.AnnouncedService, 0, len(result.Announcements))}
	for i, a := range result.Announcements {
		if a.Reason == translate.Announced {
			s := &snap.Services[i]
			out.Services = append(out.Services, status.AnnouncedService{Namespace: s.Namespace, Name: s.Name, Addresses: s.Ingress})
		}
	}
	drained := false
	for _, i := range result.Config.Instances {
		drained = drained || i.GracefulShutdown
		for _, n := range i.Neighbors {
			if n.Port != 0 {
				out.Ports = append(out.Ports, status.NeighborPort{Neighbor: n.Peer.String(), VRF: cmp.Or(i.Table(), "default"), Port: n.Port})
			}
		}
	}
	b.metrics.Runs(out)
	b.change(func(r *Report) { r.Drained = drained })
}
