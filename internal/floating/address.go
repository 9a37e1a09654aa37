package floating

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// address is one floating IP, as it stands here.
type address struct {
	ip  netip.Addr
	lan hostnet.LAN // the zero value: not known
	on  bool        // it is on the host

	ask, watch, announce *job

	// While it is on the host.
	refreshAt time.Time
	reachAt   time.Time // when its LAN is looked at again
	cut       time.Time // since when its LAN is out of reach; zero: it isn't
	contest   contest
	deaf      string // what is amiss with its LAN, though it is held
	stuck     string // why it could not be refreshed or taken off

	// While it is not.
	state   State // Probing where it is empty
	mac     net.HardwareAddr
	reason  string
	askAt   time.Time
	wait    time.Duration // before the question after the next
	evicted bool          // gave way to another while nobody confirmed that it was ours
}

func (a *address) fact() Fact {
	switch {
	case a.on:
		return Fact{Address: a.ip, State: Held, MAC: a.contest.rival, Reason: cmp.Or(a.stuck, a.deaf)}
	case a.state == "":
		return Fact{Address: a.ip, State: Probing}
	}
	return Fact{Address: a.ip, State: a.state, MAC: a.mac, Reason: a.reason}
}

// adopt holds an address that is on the host already. Nobody has watched it, so whether another has it is asked before it is announced.
func (a *address) adopt(now time.Time) {
	a.quit()
	*a = address{ip: a.ip, on: true, refreshAt: now}
}

func (a *address) lost(now time.Time) {
	a.quit()
	*a = address{ip: a.ip, askAt: now}
}

// quit ends all that is under way.
func (a *address) quit() { stop(&a.ask, &a.watch, &a.announce) }

// drop takes an address off that is not wanted, and forgets it.
func (h *Holder) drop(ctx context.Context, a *address) {
	if h.takeOff(ctx, a) {
		delete(h.addresses, a.ip)
	}
}

func (h *Holder) takeOff(ctx context.Context, a *address) bool {
	a.quit()
	if !a.on {
		return true
	}
	if err := h.Host.Take(ctx, a.ip); err != nil {
		h.Log.Error("cannot take floating IP off", "address", a.ip, "error", err)
		a.stuck, a.reachAt = err.Error(), h.now.Add(lookEvery)
		return false // and the next turn tries again; what is not wanted is not refreshed
	}
	h.Log.Info("took floating IP off", "address", a.ip)
	a.on = false
	return true
}

// yield gives an address up that is wanted here; to the host with that MAC, if there is one.
func (h *Holder) yield(ctx context.Context, a *address, to net.HardwareAddr, why string) {
	if !h.takeOff(ctx, a) {
		return
	}
	h.Log.Warn("gave floating IP up", "address", a.ip, "to", to.String(), "reason", why)
	*a = address{ip: a.ip, state: Yielded, mac: to, reason: why, askAt: h.now.Add(askMost), evicted: to != nil && !h.live(a)}
}

// hold keeps an address that is on the host.
func (h *Holder) hold(ctx context.Context, a *address) {
	h.reach(ctx, a)
	h.refresh(ctx, a)
	if a.on {
		h.contend(ctx, a)
	}
}

// refresh begins the lifetime anew, only while bgpd answers: an address whose agent and bgpd are gone goes.
func (h *Holder) refresh(ctx context.Context, a *address) {
	if h.now.Before(a.refreshAt) {
		h.wake(a.refreshAt)
		return
	}
	if !h.answering() {
		return
	}
	// Where it has gone meanwhile, Put would put it on without a question.
	h.lookAt = h.now
	if h.look(ctx); !a.on {
		return
	}
	if err := h.Host.Put(ctx, a.ip); err != nil {
		h.Log.Error("cannot refresh floating IP", "address", a.ip, "error", err)
		a.stuck, a.refreshAt = err.Error(), h.now.Add(tryAgain)
		return
	}
	a.stuck, a.refreshAt = "", h.now.Add(h.Host.RefreshEvery())
}

// reach finds the LAN of an address that is held, and watches it.
func (h *Holder) reach(ctx context.Context, a *address) {
	if !h.up(a) {
		h.outOfReach(a)
		return
	}
	if h.now.Before(a.reachAt) {
		h.wake(a.reachAt)
		return
	}
	lan, err := h.Host.LAN(ctx, a.ip)
	if err != nil {
		h.outOfReach(a)
		a.deaf, a.reachAt = err.Error(), h.now.Add(lookEvery)
		return
	}
	a.cut, a.deaf, a.reachAt = time.Time{}, "", h.now.Add(h.Host.RefreshEvery())
	if err := h.Host.WouldAnswer(ctx, lan); err != nil {
		a.deaf = err.Error()
	}
	if a.watch != nil && sameLAN(a.lan, lan) {
		return
	}
	a.quit()
	a.lan, a.contest = lan, contest{doubtful: true}
	h.watch(ctx, a)
}

// up says whether a LAN of the address has a carrier, as far as known, and that it is the one where we watch it.
func (h *Holder) up(a *address) bool {
	if h.said.Subnets == nil {
		return true
	}
	up := false
	for _, s := range h.said.Subnets {
		if !s.Up || !s.Address.Contains(a.ip) {
			continue
		}
		if s.Interface == a.lan.Interface {
			return true
		}
		up = true
	}
	if up && a.watch != nil {
		a.quit() // it is on another interface now
		a.reachAt = h.now
	}
	return up
}

// outOfReach keeps the address where it is: cables are plugged in again. When it is back, who has it is asked before it is announced.
func (h *Holder) outOfReach(a *address) {
	a.quit()
	a.contest, a.reachAt = contest{}, h.now
	if a.cut.IsZero() {
		a.cut = h.now
		h.Log.Warn("LAN of floating IP is out of reach", "address", a.ip, "interface", a.lan.Interface)
	}
	h.wake(a.cut.Add(Patience))
}

func sameLAN(a, b hostnet.LAN) bool { return a.Index == b.Index && slices.Equal(a.MAC, b.MAC) }

func (h *Holder) watch(ctx context.Context, a *address) {
	lan := a.lan
	a.watch = h.start(ctx, func(ctx context.Context, tell func(func(context.Context))) {
		err := h.Host.Watch(ctx, lan, a.ip, func(c hostnet.Conflict) {
			tell(func(ctx context.Context) { h.sees(ctx, a, c) })
		})
		tell(func(context.Context) {
			stop(&a.watch)
			a.deaf, a.reachAt = err.Error(), h.now.Add(lookEvery)
		})
	})
}

// tellNeighbors announces the address. One that is under way begins anew, so the first packet leaves at once.
func (h *Holder) tellNeighbors(ctx context.Context, a *address) {
	stop(&a.announce)
	lan := a.lan
	a.announce = h.start(ctx, func(ctx context.Context, tell func(func(context.Context))) {
		err := h.Host.Announce(ctx, lan, a.ip)
		tell(func(context.Context) {
			stop(&a.announce)
			if err != nil {
				h.Log.Error("cannot announce floating IP", "address", a.ip, "error", err)
				a.contest.doubtful, a.contest.askAt = true, h.now.Add(lookEvery) // asks, and then announces again
			}
		})
	})
}
