package floating

import (
	"bytes"
	"context"
	"net"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// contest is about an address that is on this host, and perhaps on another.
type contest struct {
	// doubtful: whether another has it is to be asked, since nobody has watched.
	doubtful bool
	// rival is the other host; nil: there is none. Since is when it was first seen, or last told that we stay.
	rival net.HardwareAddr
	since time.Time
	askAt time.Time // not before
}

// The order in which holders of one address ask whether the other is still there, and give way if it is. The two see each other at about the same
// time, for each tells the other when it sees it: so the one that stays knows that there was another, and tells the neighbors when it is
// gone. 0.3 s or more between two ranks is what a busy machine may need.
const (
	// One that nobody has confirmed lately gives way to whom it sees: its orders may be old (its lease has run out, or it has just started).
	// Where both are such (the API server is away), the one with the higher MAC address does so first, and the other stays.
	unconfirmedHigher = 200 * time.Millisecond
	unconfirmedLower  = 500 * time.Millisecond
	// Of two that are confirmed, the one with the lower MAC address stays for good, and asks each second until the other has gone.
	confirmedHigher = time.Second
	confirmedLower  = time.Second
)

// insist is how long a holder stays beside another until it asks and gives way, and whether it stays for good.
func insist(own, rival net.HardwareAddr, live bool) (time.Duration, bool) {
	lower := bytes.Compare(own, rival) < 0
	switch {
	case live && lower:
		return confirmedLower, true
	case live:
		return confirmedHigher, false
	case lower:
		return unconfirmedLower, false
	}
	return unconfirmedHigher, false
}

// sees notes that another host claims an address that is on this one.
func (h *Holder) sees(ctx context.Context, a *address, c hostnet.Conflict) {
	if a.contest.rival != nil {
		return // it is on its way
	}
	h.Log.Warn("another host claims the floating IP", "address", a.ip, "mac", c.MAC.String(), "claim", string(c.Claim), "confirmed", h.live(a))
	a.contest.rival, a.contest.since = c.MAC, h.now
	if h.live(a) {
		h.tellNeighbors(ctx, a) // RFC 5227, 2.4 (b)
		return
	}
	h.tellRival(ctx, a)
}

// tellRival lets the other host alone know that the address is here. Neighbors that were told, too, would come here with the sessions that they have with the
// other, which is most likely the one that stays, and lose them.
func (h *Holder) tellRival(ctx context.Context, a *address) {
	stop(&a.announce)
	if err := h.Host.Answer(ctx, a.lan, a.ip, a.contest.rival); err != nil {
		h.Log.Error("cannot tell the other host that the floating IP is here, too", "address", a.ip, "error", err)
	}
}

// contend asks whether another has the address, when it is time to.
func (h *Holder) contend(ctx context.Context, a *address) {
	if a.ask != nil || a.watch == nil || !a.contest.doubtful && a.contest.rival == nil {
		return
	}
	at := a.contest.askAt
	if !a.contest.doubtful {
		wait, _ := insist(a.lan.MAC, a.contest.rival, h.live(a))
		if due := a.contest.since.Add(wait); due.After(at) {
			at = due
		}
	}
	if h.now.Before(at) {
		h.wake(at)
		return
	}
	h.asks(ctx, a, func(ctx context.Context, c hostnet.Conflict, taken bool, err error) {
		switch {
		case err != nil:
			// Its LAN is looked at again, too.
			a.deaf, a.reachAt, a.contest.askAt = err.Error(), h.now.Add(lookEvery), h.now.Add(lookEvery)
		case taken && c.Claim == hostnet.Asks: // does not have it
			a.contest.askAt = h.now.Add(askOnceMore)
		case taken:
			h.bothHave(ctx, a, c)
		default:
			a.contest = contest{}
			h.tellNeighbors(ctx, a) // some may have believed the other
		}
	})
}

// bothHave gives way to another host that has the address, or stays.
func (h *Holder) bothHave(ctx context.Context, a *address, c hostnet.Conflict) {
	h.sees(ctx, a, c)
	a.contest.doubtful, a.contest.rival = false, c.MAC
	wait, forGood := insist(a.lan.MAC, c.MAC, h.live(a))
	switch {
	case h.now.Before(a.contest.since.Add(wait)):
	case forGood:
		a.contest.since = h.now
		h.tellNeighbors(ctx, a)
	default:
		h.yield(ctx, a, c.MAC, c.String()+", too")
	}
}
