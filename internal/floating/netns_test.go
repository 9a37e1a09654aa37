package floating

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What an agent is told in these tests.
var (
	confirmed = order{Told: true, Wanted: true, Live: true, BGPD: true}
	cutOff    = order{Told: true, Wanted: true, BGPD: true} // from the API server
	unwanted  = order{Told: true, Live: true, BGPD: true}
	noBGPDs   = order{Told: true, Wanted: true, Live: true}
)

func TestRealPlannedMove(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b", "c")
	p[0].run(confirmed)
	p[1].run(unwanted)
	p[2].run(unwanted)
	p[0].wait("a holds it", p[0].is(Held))
	for i := range 6 {
		from, to := p[i%3], p[(i+1)%3]
		from.tell(unwanted)
		to.tell(confirmed)
		t.Logf("planned move: held after %s", to.wait("it moves", to.holds))
		require.False(t, from.holds(), "never both")
		from.wait("the old one tells", from.is(""))
		to.wait("the new one tells", to.is(Held))
	}
}

func TestRealNodeCrash(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].run(confirmed)
	p[1].run(unwanted)
	p[0].wait("a holds it", p[0].is(Held))
	p[0].kill()
	p[0].cable(false) // and its kernel answers nobody
	p[1].tell(confirmed)
	t.Logf("node crash: held after %s", p[1].wait("b takes it", p[1].holds))
}

func TestRealAgentIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].run(confirmed)
	p[1].run(unwanted)
	p[0].wait("a holds it", p[0].is(Held))
	p[0].kill()
	p[1].tell(confirmed)
	p[1].wait("the kernel of a answers", p[1].is(Conflict))
	require.True(t, p[0].holds())

	p[0].wait("some of its lifetime passes", func() bool { return p[0].left() < 57 })
	p[0].run(order{BGPD: true}) // nothing is heard of the API server
	p[0].wait("it is kept", p[0].is(Held))
	p[0].wait("it is refreshed", func() bool { require.True(t, p[0].holds(), "no gap"); return p[0].left() > 57 })
	require.False(t, p[1].holds())

	p[0].tell(unwanted) // the first word
	t.Logf("the first word says otherwise: b holds it after %s", p[1].wait("b takes it", p[1].holds))
	require.False(t, p[0].holds())
}

func TestRealAgentIsKilledForGood(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].lifetime = 6 * time.Second // 60 s is what a node has, and a test need not
	p[0].run(confirmed)
	p[1].run(unwanted)
	p[0].wait("a holds it", p[0].is(Held))
	p[0].kill()
	p[1].tell(confirmed)
	t.Logf("agent and bgpd gone, kernel alive: held after %s", p[1].wait("b takes it", func() bool {
		require.False(t, p[0].holds() && p[1].holds(), "never both")
		return p[1].holds()
	}))
}

func TestRealBGPDDies(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].run(confirmed)
	p[0].wait("a holds it", p[0].is(Held))
	p[0].tell(noBGPDs)
	t.Logf("bgpd dead: given up after %s", p[0].wait("a gives it up", p[0].is(Yielded)))
	require.False(t, p[0].holds())
	p[0].tell(confirmed)
	p[0].wait("a takes it again", p[0].is(Held))
}

// TestRealTwoHolders has every pair of ranks and both orders, as TestWhoStays has, with the kernel's ARP.
func TestRealTwoHolders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		a, b   order
		aStays bool
	}{
		{"both confirmed", confirmed, confirmed, true},
		{"the lower confirmed", confirmed, cutOff, true},
		{"the higher confirmed", cutOff, confirmed, false},
		{"none confirmed", cutOff, cutOff, true},
	} {
		for first := range 2 {
			t.Run(tt.name+", "+[]string{"a", "b"}[first]+" first", func(t *testing.T) {
				t.Parallel()
				p := newLab(t, "a", "b")
				p[1].cut()
				p[first].run(confirmed)
				p[first].wait("the first holds it", p[first].is(Held))
				p[1-first].run(confirmed)
				p[1-first].wait("the second holds it", p[1-first].is(Held))
				p[0].tell(tt.a)
				p[1].tell(tt.b)
				time.Sleep(100 * time.Millisecond) // words have no echo; where one is late, who is confirmed for too long only takes longer to give way
				stays, goes := p[0], p[1]
				if !tt.aStays {
					stays, goes = goes, stays
				}
				p[1].join()
				t.Logf("two holders, %s: settled after %s", tt.name, p[0].wait("it is settled", func() bool { return p[0].holds() != p[1].holds() }))
				goes.wait("the loser tells", func() bool { return goes.is(Yielded)() || goes.is(Conflict)() })
				// Less than half a second lies between the times at which they go. A machine that takes longer than that to do it has both go, and then who is
				// confirmed comes back.
				settled, slow := time.Now(), sync.OnceFunc(func() { stays.tell(confirmed) })
				stays.wait("it stays settled", func() bool {
					if !stays.holds() || goes.holds() {
						settled = time.Now()
					}
					if !stays.holds() && !goes.holds() {
						slow()
					}
					return time.Since(settled) > 3*time.Second
				})
			})
		}
	}
}

// TestRealNeighborsOfTwoHolders has two neighbors, one that believes the holder that is confirmed and one that believes the other, as after a LAN in two parts.
// The first has its sessions with the one that stays, and would lose them if it heard the other.
func TestRealNeighborsOfTwoHolders(t *testing.T) {
	for stays := range 2 {
		t.Run([]string{"the lower", "the higher"}[stays]+" confirmed", func(t *testing.T) {
			t.Parallel()
			p := newLab(t, "a", "b", "loyal", "misled")
			stays, goes, loyal, misled := p[stays], p[1-stays], p[2], p[3]
			goes.cut()
			for _, holder := range p[:2] {
				holder.run(confirmed)
				holder.wait("both hold it", holder.is(Held))
			}
			goes.tell(cutOff)
			time.Sleep(2 * time.Second) // until both have ended to announce
			loyal.believe(stays)
			misled.believe(goes)
			heard := loyal.hears()
			goes.join()
			misled.wait("the one that stays has told all", func() bool { return misled.believes() == stays.mac() })
			goes.wait("the other has gone", func() bool { return !goes.holds() })
			require.Equal(t, stays.mac(), loyal.believes())
			require.NotContains(t, heard(), goes.mac(), "who goes has drawn it to itself")
		})
	}
}

func TestRealCutOffFromTheLANAndBack(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[1].run(confirmed)
	p[0].run(unwanted)
	p[1].wait("b holds it", p[1].is(Held))
	p[1].tell(cutOff)
	p[1].cut()
	p[0].tell(confirmed)
	t.Logf("cut off: the other holds it after %s", p[0].wait("a takes it", p[0].holds))
	require.True(t, p[1].holds(), "b sees nobody")
	p[1].join()
	t.Logf("back: settled after %s", p[1].wait("b gives way", func() bool { require.True(t, p[0].holds()); return !p[1].holds() }))
	p[1].tell(unwanted)
	p[1].wait("b hears of it", p[1].is(""))
}

func TestRealCable(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].run(confirmed)
	p[0].wait("a holds it", p[0].is(Held))
	p[0].cable(false)
	t.Logf("no carrier: given up after %s", p[0].wait("a gives it up", func() bool { return !p[0].holds() }))
	p[0].cable(true)
	t.Logf("carrier again: held after %s", p[0].wait("a takes it again", p[0].holds))
}

func TestRealBothAreToldAtOnce(t *testing.T) {
	t.Parallel()
	p := newLab(t, "a", "b")
	p[0].run(unwanted)
	p[1].run(unwanted)
	p[0].wait("a is there", func() bool { p[0].mutex.Lock(); defer p[0].mutex.Unlock(); return p[0].known })
	p[1].wait("b is there", func() bool { p[1].mutex.Lock(); defer p[1].mutex.Unlock(); return p[1].known })
	for range 5 {
		p[0].tell(confirmed)
		p[1].tell(confirmed)
		t.Logf("both told at once: one holds it after %s", p[0].wait("one holds it", func() bool { return p[0].holds() != p[1].holds() }))
		p[0].wait("the other sees it", func() bool { return p[0].is(Held)() && p[1].is(Conflict)() || p[1].is(Held)() && p[0].is(Conflict)() })
		for _, one := range p {
			one.tell(unwanted)
		}
		p[0].wait("nobody holds it", func() bool { return !p[0].holds() && !p[1].holds() && p[0].is("")() && p[1].is("")() })
	}
}
