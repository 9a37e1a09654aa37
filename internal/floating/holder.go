package floating

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// Patience is how long bgpd may give no answer, or a LAN be down, until we give the floating IPs up. watchfrr starts a bgpd that crashed again at
	// once, and that takes seconds, with its configuration. What takes longer is slower than another node: a bgpd that hangs (watchfrr waits for
	// 90 s), or that crashes a second time within a minute (for the rest of that minute). And it is well below the 40 s of lifetime that an
	// address has left at least, so none goes by itself while bgpd restarts.
	Patience = 15 * time.Second
	// Answering is how old an answer of bgpd's may be for its being well: addresses are put on and refreshed only then.
	Answering = 5 * time.Second

	lookEvery   = time.Second            // at the host, for what others did to our addresses
	askAgain    = 100 * time.Millisecond // after another host answered; then after twice the time each
	askMost     = time.Second
	tryAgain    = 2 * time.Second // what can't be done here
	comeLater   = time.Second     // where two ask at once, the one that lets the other go first
	askOnceMore = 50 * time.Millisecond
)

// Config says what a holder works with.
type Config struct {
	Host Host
	// Report is told the facts whenever they are other ones, after what they tell was done. It must not wait.
	Report func(Facts)
	Log    *slog.Logger
}

// Holder holds the floating IPs of one node.
type Holder struct {
	Config
	changed chan struct{} // has an entry when there is a new word
	events  chan event
	jobs    sync.WaitGroup

	mutex sync.Mutex
	word  Word

	// The rest belongs to Run.
	begun, now time.Time
	said       Word // the word of this turn
	addresses  map[netip.Addr]*address
	looked     bool // whether it is known what is on the host
	lookAt     time.Time
	next       time.Time // of the turns to come, the first that is known
	facts      Facts
	reported   bool
}

// New makes a Holder, for one Run.
func New(c Config) *Holder {
	return &Holder{Config: c, changed: make(chan struct{}, 1), events: make(chan event), addresses: map[netip.Addr]*address{}}
}

// Tell gives the holder a new word, in place of the one before. It returns at once.
func (h *Holder) Tell(w Word) {
	w.Wanted, w.Subnets = slices.Clone(w.Wanted), slices.Clone(w.Subnets)
	h.mutex.Lock()
	h.word = w
	h.mutex.Unlock()
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// Run holds floating IPs until ctx ends, whose error it returns. What is on the host then stays for the rest of its lifetime: the next Run keeps it.
func (h *Holder) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer h.jobs.Wait()
	defer cancel()
	h.begun = time.Now()
	for ctx.Err() == nil {
		h.now, h.said, h.next = time.Now(), h.current(), time.Now().Add(lookEvery)
		h.look(ctx)
		for _, a := range h.concerned() {
			h.settle(ctx, a)
		}
		h.report()
		select {
		case <-ctx.Done():
		case <-h.changed:
		case e := <-h.events:
			h.hear(ctx, e)
		case <-time.After(time.Until(h.next)):
		}
	}
	return ctx.Err()
}

func (h *Holder) current() Word {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.word
}

// look finds out which floating IPs of ours are on the host. After a start, those are held without having been put; one that is gone has been taken off
// by somebody else, or was not refreshed in time (a process that was stopped for a minute), and others may have it.
func (h *Holder) look(ctx context.Context) {
	if h.now.Before(h.lookAt) {
		h.wake(h.lookAt)
		return
	}
	h.lookAt = h.now.Add(lookEvery)
	all, err := h.Host.Floating(ctx)
	if err != nil {
		h.Log.Error("cannot see which floating IPs are on the host", "error", err)
		return
	}
	there := map[netip.Addr]bool{}
	for _, f := range all {
		there[f.Address] = true
		if a := h.at(f.Address); !a.on {
			a.adopt(h.now)
			h.Log.Info("found floating IP on the host", "address", f.Address, "left", f.Left)
		}
	}
	for ip, a := range h.addresses {
		if a.on && !there[ip] {
			a.lost(h.now)
			h.Log.Warn("floating IP is gone from the host", "address", ip)
		}
	}
	h.looked = true
}

func (h *Holder) at(ip netip.Addr) *address {
	a := h.addresses[ip]
	if a == nil {
		a = &address{ip: ip}
		h.addresses[ip] = a
	}
	return a
}

// concerned are the addresses that are wanted, or on the host, or were.
func (h *Holder) concerned() []*address {
	if h.said.Told {
		for _, ip := range h.said.Wanted {
			h.at(ip)
		}
	}
	var all []*address
	for _, ip := range slices.SortedFunc(maps.Keys(h.addresses), netip.Addr.Compare) {
		all = append(all, h.addresses[ip])
	}
	return all
}

// settle does what is to be done about one address now.
func (h *Holder) settle(ctx context.Context, a *address) {
	switch why := h.giveUp(a); {
	case !a.on && !h.wanted(a), a.on && h.said.Told && !h.wanted(a):
		h.drop(ctx, a)
	case a.on && why != "":
		h.yield(ctx, a, nil, why)
	case a.on:
		h.hold(ctx, a)
	default:
		h.seek(ctx, a)
	}
}

func (h *Holder) wanted(a *address) bool { return h.said.Told && slices.Contains(h.said.Wanted, a.ip) }

// live says that the API server wants us to hold the address, and has confirmed so lately.
func (h *Holder) live(a *address) bool { return h.wanted(a) && h.now.Before(h.said.LeaseUntil) }

func (h *Holder) answering() bool {
	return !h.said.BGPDAnswered.IsZero() && h.now.Sub(h.said.BGPDAnswered) < Answering
}

// giveUp is why an address that is on the host should not stay there, whoever wants it; empty: it may.
func (h *Holder) giveUp(a *address) string {
	if why := h.unwell(); why != "" {
		return why
	}
	if !a.cut.IsZero() && !h.now.Before(a.cut.Add(Patience)) {
		return fmt.Sprintf("its LAN has been out of reach for %s: see whether the interface in its subnet is up and has a carrier", Patience)
	}
	return ""
}

func (h *Holder) unwell() string {
	since := h.begun
	if h.said.BGPDAnswered.After(since) {
		since = h.said.BGPDAnswered
	}
	end := since.Add(Patience)
	if h.now.Before(end) {
		h.wake(end)
		return ""
	}
	return fmt.Sprintf("bgpd has not answered for %s: see its log", Patience)
}

// wake makes a turn at that time, or before.
func (h *Holder) wake(at time.Time) {
	if at.Before(h.next) {
		h.next = at
	}
}

func (h *Holder) report() {
	facts := Facts{Unwell: h.unwell()}
	for _, a := range h.concerned() {
		facts.Addresses = append(facts.Addresses, a.fact())
	}
	if h.reported && facts.equal(h.facts) {
		return
	}
	h.facts, h.reported = facts, h.looked
	if h.looked {
		h.Report(facts)
	}
}

// event is what a job has found out.
type event struct {
	from *job
	note func(ctx context.Context)
}

// job is work that takes its time: a question, an announcement, a watch.
type job struct {
	end   context.CancelFunc
	ended bool // belongs to Run: what was still on its way does not count
}

// start does work beside the loop. What it tells is done in the loop.
func (h *Holder) start(ctx context.Context, work func(ctx context.Context, tell func(note func(context.Context)))) *job {
	ctx, cancel := context.WithCancel(ctx)
	j := &job{end: cancel}
	h.jobs.Go(func() {
		defer cancel()
		work(ctx, func(note func(context.Context)) {
			select {
			case h.events <- event{from: j, note: note}:
			case <-ctx.Done():
			}
		})
	})
	return j
}

func (h *Holder) hear(ctx context.Context, e event) {
	if !e.from.ended {
		h.now, h.said = time.Now(), h.current()
		e.note(ctx)
	}
}

func stop(jobs ...**job) {
	for _, j := range jobs {
		if *j != nil {
			(*j).ended = true
			(*j).end()
			*j = nil
		}
	}
}
