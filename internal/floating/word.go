package floating

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// Word is all that a holder is told from outside. The zero value is that of an agent that has just started: nothing is known.
type Word struct {
	// Told says that the API server was heard since the process began, so that Wanted counts. What is on the host stays as it is before.
	Told bool
	// Wanted are the floating IPs that this node is to hold, by the last that the API server said.
	Wanted []netip.Addr
	// LeaseUntil is when our lease runs out, by its last renewal. Where it has run out once, it is zero until Wanted was read anew after
	// a renewal: who was cut off may hold what others have been given.
	LeaseUntil time.Time
	// BGPDAnswered is when bgpd gave an answer last; zero: it has not yet. To be asked each second.
	BGPDAnswered time.Time
	// Subnets are those of the node, as hostnet's FollowSubnets tells them; nil: not known.
	Subnets []hostnet.Subnet
}

// State is what became of one floating IP.
type State string

const (
	// Probing: asks whether another host answers for it, or has asked and asks again.
	Probing State = "Probing"
	// Held: it is on the host. A MAC is that of another host that answers for it, too, which is not settled yet.
	Held State = "Held"
	// Conflict: another host answers for it, and we have not taken it. It is tried again.
	Conflict State = "Conflict"
	// Yielded: we had it and gave it up, for the Reason. With a MAC: to that host.
	Yielded State = "Yielded"
	// Refused: it can't be held here. The Reason says why, and what mends it. It is tried again.
	Refused State = "Refused"
)

// Fact is what became of one floating IP.
type Fact struct {
	Address netip.Addr
	State   State
	MAC     net.HardwareAddr
	Reason  string
}

// Facts are what a node tells of its floating IPs, those that it holds and those that it is to hold, by address.
type Facts struct {
	Addresses []Fact
	// Unwell is why the node can hold no floating IP at all; empty: it can.
	Unwell string
}

func (f Facts) equal(o Facts) bool {
	return f.Unwell == o.Unwell && slices.EqualFunc(f.Addresses, o.Addresses, func(a, b Fact) bool {
		return a.Address == b.Address && a.State == b.State && a.Reason == b.Reason && slices.Equal(a.MAC, b.MAC)
	})
}
