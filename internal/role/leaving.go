package role

import (
	"context"
	"iter"
	"maps"
	"net/netip"
	"strings"
	"time"
)

const (
	// forView is how long an address that is not wanted any more waits for its view to go: an apply takes 0.1 s, or longer where FRR is busy, and routers that
	// are told nothing find out by their timers, within nine seconds.
	forView = time.Second
	// forRival is the same where another host has the address already: then it is to go soon.
	forRival = 300 * time.Millisecond
)

// leave is a floating IP that is to go from the host.
type leave struct {
	// since when, so that all that go at once wait together: the holder takes off one after the other, and refreshes the others in between.
	since time.Time
	// taking: there is no way back any more.
	taking bool
}

// views are what FRR runs.
type views struct {
	known   bool
	running map[netip.Addr]bool
	waits   map[netip.Addr]bool // neighbors of the default instance, those with floating IPs elsewhere among them
	applied chan struct{}       // closed when that is told anew
}

// host is what the holder works on: its addresses leave after their views.
type host struct {
	Host
	role *Role
}

// Take lets the view of the address go first.
func (h host) Take(ctx context.Context, ip netip.Addr) error {
	h.role.leave(ctx, ip)
	return h.Host.Take(ctx, ip)
}

// Put also undoes a Take that has failed: the holder keeps the address.
func (h host) Put(ctx context.Context, ip netip.Addr) error {
	err := h.Host.Put(ctx, ip)
	if err == nil {
		h.role.stays(ip)
	}
	return err
}

// leave has the agent render without the view of the address, and waits until FRR runs that.
func (r *Role) leave(ctx context.Context, ip netip.Addr) {
	r.mutex.Lock()
	l := r.leaving[ip]
	if l == nil {
		l = &leave{since: time.Now()}
		r.leaving[ip] = l
		r.poke()
	}
	l.taking = true
	end := l.since.Add(forView)
	if r.wanted(ip) {
		end = l.since.Add(forRival)
	}
	r.mutex.Unlock()
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for {
		applied, wait := r.awaits(ip)
		if !wait {
			return
		}
		select {
		case <-ctx.Done():
			r.Log.Warn("the view of a floating IP is still there: routers find out by themselves that it leaves", "address", ip)
			return
		case <-applied:
		}
	}
}

// awaits tells whether the view of an address may still run, and when that is to be asked again.
func (r *Role) awaits(ip netip.Addr) (<-chan struct{}, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.views.applied, (r.views.running[ip] || !r.views.known) && r.answers(time.Now())
}

func (r *Role) stays(ip netip.Addr) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.leaving[ip] != nil && r.wanted(ip) {
		delete(r.leaving, ip)
		r.poke()
	}
}

// Runs takes in what FRR runs now: the text of a frr.conf.
func (r *Role) Runs(config string) {
	running, waits := neighborsOf(config)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.views.known, r.views.running, r.views.waits = true, running, waits
	close(r.views.applied)
	r.views.applied = make(chan struct{})
}

// ViewName is what the name of a floating IP's view in FRR begins with; the address follows.
const ViewName = "gw-"

// neighborsOf are the floating IPs with a view that has a neighbor (the empty block of one stays behind when it leaves), and the neighbors of the default
// instance, which waits for the holders of floating IPs.
func neighborsOf(config string) (views, waits map[netip.Addr]bool) {
	views, waits = map[netip.Addr]bool{}, map[netip.Addr]bool{}
	const header = "\nrouter bgp "
	for rest := "\n" + config; ; {
		_, after, found := strings.Cut(rest, header)
		if !found {
			return views, waits
		}
		rest = after
		head, body, _ := strings.Cut(after, "\n")
		_, instance, _ := strings.Cut(head, " ")
		name, isView := strings.CutPrefix(instance, "view "+ViewName)
		switch ip, err := netip.ParseAddr(strings.TrimSpace(name)); {
		case instance == "":
			maps.Insert(waits, neighborsIn(body))
		case isView && err == nil:
			for range neighborsIn(body) {
				views[ip] = true
				break
			}
		}
	}
}

// neighborsIn are the addresses of an instance's neighbors, from what follows its header.
func neighborsIn(body string) iter.Seq2[netip.Addr, bool] {
	return func(yield func(netip.Addr, bool) bool) {
		// All lines of a block are indented, and its neighbors stand before its families.
		for strings.HasPrefix(body, " ") && !strings.HasPrefix(body, " address-family ") {
			var line string
			line, body, _ = strings.Cut(body, "\n")
			address, _, _ := strings.Cut(strings.TrimPrefix(line, " neighbor "), " ")
			if ip, err := netip.ParseAddr(address); err == nil && !yield(ip, true) {
				return
			}
		}
	}
}
