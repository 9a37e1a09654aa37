package gateway

// Lease tells whether the agent of a node lives.
type Lease string

const (
	// LeaseUnknown: nobody can tell, for there is no lease, or the API server was not there to renew it at. It is the zero value.
	LeaseUnknown Lease = ""
	// LeaseLive: it was renewed in time.
	LeaseLive Lease = "live"
	// LeaseExpired: it was not, and the API server was there; or the node has no agent at all.
	LeaseExpired Lease = "expired"
)

// believed tells whether expired leases mean dead nodes. Where more nodes that hold a floating IP have lost theirs than there are live ones,
// it is more likely that something went wrong on the way to the API server: then nothing moves, for a holder that works never loses its
// address by a fault of the control plane. A node that has lost its addresses to others counts no more, so that nodes may die one after the other.
func believed(expiredHolders, live int) bool { return expiredHolders <= live }

// trust decides which leases are believed, and tells where they are not.
func (n *nodes) trust(holders map[string]bool) (expired []string, ok bool) {
	live := 0
	for _, one := range n.all {
		switch {
		case one.lease == LeaseLive:
			live++
		case one.lease == LeaseExpired && holders[one.name]:
			expired = append(expired, one.name)
		}
	}
	return expired, believed(len(expired), live)
}
