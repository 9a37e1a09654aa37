package gateway

import (
	"fmt"
	"hash/fnv"
	"net/netip"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// ManagedBy labels the BGPSessions and BGPAdvertisedRoutes that the manager makes, with its name Manager: those of others mean nothing.
const (
	ManagedBy = "app.kubernetes.io/managed-by"
	Manager   = "frr-renderer-manager"
)

// maxName is how long the name of an object may be (Kubernetes, DNS subdomain names).
const maxName = 253

// nameSessions names them PEERIP-NODE, and PEERIP-NODE-FLOATINGIP where the node has the plain name for another session of the router already. Among
// those of one router on one node the plain name is kept by the session that has it, so that no object is made anew for one that comes.
func nameSessions(sessions []Session, was map[sessionKey]*networking.BGPSession) {
	type place struct {
		peer netip.Addr
		node string
	}
	first := map[place]int{}
	for i, s := range sessions {
		at := place{s.PeerIP, s.Node}
		before, ok := was[sessionKey{s.PeerIP, s.FloatingIP}]
		if _, known := first[at]; !known || ok && before.Name == plainName(s) {
			first[at] = i
		}
	}
	names := uniqueNames{}
	for i := range sessions {
		if s := &sessions[i]; first[place{s.PeerIP, s.Node}] == i {
			s.Name = names.take(plainName(*s))
		}
	}
	for i := range sessions {
		if s := &sessions[i]; s.Name == "" {
			s.Name = names.take(plainName(*s) + "-" + s.FloatingIP.String())
		}
	}
}

func plainName(s Session) string { return s.PeerIP.String() + "-" + s.Node }

// uniqueNames are names that are taken.
type uniqueNames map[string]bool

// take returns the name; where it is too long, or taken by another whose parts make the same text, it ends with a hash.
func (u uniqueNames) take(name string) string {
	out := name
	for try := 0; len(out) > maxName || u[out]; try++ {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s\n%d", name, try)
		out = fmt.Sprintf("%s-%08x", name[:min(len(name), maxName-9)], h.Sum32())
	}
	u[out] = true
	return out
}
