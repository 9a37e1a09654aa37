package floating

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// NoBGPD is the Reason of what is Refused only because bgpd does not answer: whether the address could be held is not known then.
const NoBGPD = "bgpd does not answer, and a floating IP is of no use without it: see its log"

// seek wants an address that is not on the host: it asks who has it, and takes it where nobody answers.
func (h *Holder) seek(ctx context.Context, a *address) {
	switch {
	case !h.looked, a.ask != nil:
	case !h.answering():
		if a.state != Yielded {
			a.state, a.mac, a.reason = Refused, nil, NoBGPD
		}
	case a.evicted && !h.live(a):
		// What we know of who is to have it is older than the claim that we gave way to.
	case h.now.Before(a.askAt):
		h.wake(a.askAt)
	default:
		h.question(ctx, a)
	}
}

func (h *Holder) question(ctx context.Context, a *address) {
	lan, err := h.Host.LAN(ctx, a.ip)
	if err == nil {
		err = h.Host.WouldAnswer(ctx, lan)
	}
	if err != nil {
		h.refuse(a, err)
		return
	}
	if a.reason == NoBGPD {
		a.state, a.reason = Probing, ""
	}
	a.lan, a.evicted = lan, false
	h.asks(ctx, a, func(ctx context.Context, c hostnet.Conflict, taken bool, err error) {
		switch {
		case err != nil:
			h.refuse(a, err)
		case taken && c.Claim == hostnet.Asks:
			a.askAt = h.now.Add(turnOf(lan, c))
		case taken:
			h.occupied(a, c)
		default:
			h.take(ctx, a)
		}
	})
}

// asks who else has the address. What comes of it is told to then, in the loop.
func (h *Holder) asks(ctx context.Context, a *address, then func(ctx context.Context, c hostnet.Conflict, taken bool, err error)) {
	lan := a.lan
	a.ask = h.start(ctx, func(ctx context.Context, tell func(func(context.Context))) {
		c, taken, err := h.Host.Probe(ctx, lan, a.ip)
		tell(func(ctx context.Context) {
			stop(&a.ask)
			then(ctx, c, taken, err)
		})
	})
}

// turnOf is when to ask again where two ask at once: the one with the lower MAC address goes first.
func turnOf(lan hostnet.LAN, c hostnet.Conflict) time.Duration {
	if bytes.Compare(lan.MAC, c.MAC) < 0 {
		return askOnceMore
	}
	return comeLater
}

func (h *Holder) occupied(a *address, c hostnet.Conflict) {
	if a.state != Conflict {
		h.Log.Warn("another host has the floating IP", "address", a.ip, "mac", c.MAC.String())
	}
	a.state, a.mac = Conflict, c.MAC
	a.reason = fmt.Sprintf("%s: it is taken as soon as nobody answers for it", c)
	a.wait = min(max(2*a.wait, askAgain), askMost)
	a.askAt = h.now.Add(a.wait)
}

func (h *Holder) refuse(a *address, err error) {
	if a.reason != err.Error() {
		h.Log.Error("cannot hold floating IP", "address", a.ip, "error", err)
	}
	a.state, a.mac, a.reason, a.askAt = Refused, nil, err.Error(), h.now.Add(tryAgain)
}

// take puts the address on. Nobody has answered for it just now.
func (h *Holder) take(ctx context.Context, a *address) {
	if !h.wanted(a) || !h.answering() {
		return // the next turn knows what to do
	}
	if err := h.Host.Put(ctx, a.ip); err != nil {
		h.refuse(a, err)
		return
	}
	h.Log.Info("took floating IP", "address", a.ip, "interface", a.lan.Interface)
	*a = address{ip: a.ip, lan: a.lan, on: true, refreshAt: h.now.Add(h.Host.RefreshEvery()), reachAt: h.now.Add(h.Host.RefreshEvery())}
	h.watch(ctx, a)
	h.tellNeighbors(ctx, a)
}
