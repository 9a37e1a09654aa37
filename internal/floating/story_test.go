package floating

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// story is two nodes whose agents run, in a time of their own. The MAC address of a is the lower one.
func story(t *testing.T, tell func(t *testing.T, api *api, a, b *node)) {
	synctest.Test(t, func(t *testing.T) {
		l, api := &lan{}, &api{}
		a, b := newNode(t, l, api, "a"), newNode(t, l, api, "b")
		a.run()
		b.run()
		tell(t, api, a, b)
		a.kill()
		b.kill()
	})
}

func (n *node) is(s State) func() bool {
	return func() bool {
		f, _ := n.fact()
		return f.State == s
	}
}

func TestAPlannedMoveTakesTheLengthOfAQuestion(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		api.assign("b")
		// The agents learn it within 100 ms of each other. A question is 300 ms.
		eventually(t, time.Second, "b takes it", b.is(Held))
		require.False(t, a.holds())
		require.True(t, a.is("")(), "a has nothing to tell")
	})
}

func TestNothingChangesWhileTheAPIServerIsAway(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.set(&a.way, false)
		b.set(&b.way, false)
		api.assign("b") // and nobody hears of it
		told := len(a.facts)
		always(t, 10*time.Minute, "a holds it", a.holds)
		require.Len(t, a.facts, told, "nothing changed, nothing is told")
		b.set(&b.way, true)
		eventually(t, time.Second, "b asks first", b.is(Conflict))
		f, _ := b.fact()
		require.Equal(t, a.mac, f.MAC)
		always(t, time.Minute, "a was cut off, and works", a.holds)
		a.set(&a.way, true)
		eventually(t, 3*time.Second, "a hears of it", func() bool { return b.holds() && !a.holds() })
	})
}

func TestANewAgentKeepsWhatIsOnTheHost(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.kill()
		time.Sleep(30 * time.Second)
		a.set(&a.way, false)
		a.facts = nil
		a.run()
		eventually(t, time.Second, "it tells what it holds", a.is(Held))
		always(t, 5*time.Minute, "without the API server, too", a.holds)
		api.assign("b")
		a.set(&a.way, true)
		eventually(t, 200*time.Millisecond, "its first word", func() bool { return !a.holds() })
	})
}

func TestABGPDThatRestartsCostsNothingAndADeadOneGivesWay(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.set(&a.bgpd, false)
		always(t, Patience-time.Second, "a keeps it", a.holds)
		a.set(&a.bgpd, true)
		always(t, time.Minute, "a keeps it", a.holds)

		a.set(&a.bgpd, false)
		eventually(t, Patience+time.Second, "a gives up", a.is(Yielded))
		require.False(t, a.holds())
		_, unwell := a.fact()
		require.Contains(t, unwell, "bgpd has not answered for 15s")
		api.assign("b")
		eventually(t, time.Second, "b takes it", b.is(Held))
		a.set(&a.bgpd, true)
		eventually(t, time.Second, "a is well again", func() bool { _, unwell := a.fact(); return unwell == "" })
	})
}

func TestABGPDThatDiesDuringTheQuestionGetsNoAddress(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, _ *node) {
		time.Sleep(time.Second)
		a.set(&a.bgpd, false)
		word, _ := a.told()
		time.Sleep(time.Until(word.BGPDAnswered.Add(Answering - 200*time.Millisecond)))
		api.assign("a")
		eventually(t, 200*time.Millisecond, "a asks", a.is(Probing))
		always(t, time.Minute, "bgpd is dead", func() bool { return !a.holds() })
		require.True(t, a.is(Refused)())
		a.set(&a.bgpd, true)
		eventually(t, time.Second, "a takes it", a.is(Held))
	})
}

func TestWithAgentAndBGPDGoneTheAddressGoesByItsLifetime(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.kill()
		api.assign("b")
		eventually(t, time.Second, "its kernel answers", b.is(Conflict))
		took := eventually(t, simLifetime+3*time.Second, "b takes it", b.is(Held))
		require.False(t, a.holds())
		require.Greater(t, took, simLifetime-simLifetime/3-time.Second)
	})
}

func TestAnAddressThatRanOutIsNotRefreshedButAskedFor(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, _ *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.kill()
		a.set(&a.bgpd, false)
		time.Sleep(time.Until(a.ends[ip]) - 300*time.Millisecond)
		a.run()
		eventually(t, 200*time.Millisecond, "it is found", a.is(Held))
		time.Sleep(300 * time.Millisecond) // less than until the next look
		a.onPut = func(_ netip.Addr, anew bool) {
			require.True(t, anew)
			require.Equal(t, time.Now(), a.free[ip], "nobody answered just now")
		}
		a.set(&a.bgpd, true)
		eventually(t, time.Second, "a takes it", func() bool { return a.holds() })
	})
}

func TestAnAddressThatSomebodyDeletesIsPutOnAgain(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, _ *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.lan.mutex.Lock()
		delete(a.ends, ip)
		a.lan.mutex.Unlock()
		eventually(t, 2*time.Second, "a asks and puts it on again", a.holds)
	})
}

func TestWhatCannotBeHeldIsRefusedWithTheReasonUntilItIsMended(t *testing.T) {
	for _, method := range []string{"LAN", "WouldAnswer", "Probe", "Put"} {
		t.Run(method, func(t *testing.T) {
			story(t, func(t *testing.T, api *api, a, _ *node) {
				a.breaks(method, "do this")
				api.assign("a")
				eventually(t, time.Second, "a says why", a.is(Refused))
				f, _ := a.fact()
				require.Equal(t, Fact{Address: ip, State: Refused, Reason: "do this"}, f)
				told := len(a.facts)
				always(t, time.Minute, "a does not hold it", func() bool { return !a.holds() })
				require.Len(t, a.facts, told, "it is told once")
				a.breaks(method, "")
				eventually(t, 3*time.Second, "a takes it", a.is(Held))
			})
		})
	}
}

func TestWhatIsAmissWithAHeldAddressIsToldAndMendsItself(t *testing.T) {
	for _, method := range []string{"WouldAnswer", "Put", "Watch"} {
		t.Run(method, func(t *testing.T) {
			story(t, func(t *testing.T, api *api, a, _ *node) {
				api.assign("a")
				eventually(t, time.Second, "a takes it", a.is(Held))
				reason := func(want string) func() bool {
					return func() bool {
						require.True(t, a.holds())
						f, _ := a.fact()
						return f.State == Held && f.Reason == want
					}
				}
				a.breaks(method, "do this")
				eventually(t, 21*time.Second, "a says what", reason("do this"))
				time.Sleep(15 * time.Second)
				a.breaks(method, "")
				eventually(t, 21*time.Second, "it is well", reason(""))
				always(t, 2*time.Minute, "it stays well", reason(""))
			})
		})
	}
}

func TestAnAddressThatCannotBeTakenOffIsToldAsHeld(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.breaks("Take", "no right")
		api.assign("b")
		eventually(t, time.Second, "b sees it", b.is(Conflict))
		// The agents learn it within 100 ms of each other, in either order.
		eventually(t, 100*time.Millisecond, "a says why", func() bool {
			f, _ := a.fact()
			return f.State == Held && f.Reason == "no right"
		})
		eventually(t, simLifetime+2*time.Second, "it is not refreshed", b.is(Held))
		eventually(t, lookEvery+100*time.Millisecond, "a sees that it is gone", a.is(""))
	})
}

func TestNothingIsPutOnBeforeItIsKnownWhatIsThere(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, _ *node) {
		a.kill()
		a.breaks("Floating", "netlink")
		api.assign("a")
		a.facts = nil
		a.run()
		always(t, time.Minute, "nothing is put, nothing is told", func() bool { return !a.holds() && a.is("")() })
		require.Empty(t, a.facts)
		a.breaks("Floating", "")
		eventually(t, 2*time.Second, "a takes it", a.is(Held))
	})
}

// TestWhoStays has every pair of ranks, in both orders of having it, and the lower and the higher MAC address on both sides.
func TestWhoStays(t *testing.T) {
	for _, tt := range []struct {
		name         string
		aWay, bWay   bool // whether each can renew its lease
		stays, hands string
		wait         time.Duration // of the one that gives way
	}{
		{"both confirmed", true, true, "a", "b", time.Second},
		{"the lower confirmed", true, false, "a", "b", 200 * time.Millisecond},
		{"the higher confirmed", false, true, "b", "a", 500 * time.Millisecond},
		{"none confirmed", false, false, "a", "b", 200 * time.Millisecond},
	} {
		for _, first := range []string{"a", "b"} {
			t.Run(tt.name+", "+first+" first", func(t *testing.T) {
				story(t, func(t *testing.T, api *api, a, b *node) {
					nodes, confirmed := map[string]*node{"a": a, "b": b}, map[string]bool{"a": tt.aWay, "b": tt.bWay}
					b.move(1)
					api.assign(first)
					eventually(t, time.Second, "the first takes it", nodes[first].is(Held))
					api.assign("a", "b")
					eventually(t, time.Second, "both have it", func() bool { return a.holds() && b.holds() })
					a.set(&a.way, tt.aWay)
					b.set(&b.way, tt.bWay)
					time.Sleep(2 * simLease)
					require.True(t, a.holds() && b.holds(), "nobody sees the other")

					b.move(0)
					took := eventually(t, settled, "it is settled", func() bool { return a.holds() != b.holds() })
					met := time.Now().Add(-took)
					require.Equal(t, confirmed[tt.stays], nodes[tt.stays].announced(met), "who is confirmed and sees another says so at once")
					require.Equal(t, confirmed[tt.hands], nodes[tt.hands].announced(met), "who is not draws nobody to itself")
					require.GreaterOrEqual(t, took, tt.wait)
					left := time.Now()
					time.Sleep(1500 * time.Millisecond)
					require.True(t, nodes[tt.stays].announced(left.Add(200*time.Millisecond)), "neighbors that believed the other are told")
					always(t, time.Minute, "it stays settled", func() bool { return nodes[tt.stays].holds() && !nodes[tt.hands].holds() })
					f, _ := nodes[tt.hands].fact()
					require.Contains(t, []State{Yielded, Conflict}, f.State)
					require.Equal(t, nodes[tt.stays].mac, f.MAC)
					f, _ = nodes[tt.stays].fact()
					require.Equal(t, Fact{Address: ip, State: Held}, f)
				})
			})
		}
	}
}

func TestWhoGaveWayUnconfirmedLeavesItAlone(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("b")
		eventually(t, time.Second, "b takes it", b.is(Held))
		b.set(&b.way, false)
		b.move(1)
		time.Sleep(2 * simLease)
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		b.move(0)
		eventually(t, settled, "b gives way", func() bool { return !b.holds() })
		a.crash()
		always(t, time.Minute, "b's orders are old", func() bool { return !b.holds() })
		api.assign("b")
		b.set(&b.way, true)
		eventually(t, time.Second, "b takes it", b.is(Held))
	})
}

func TestACableThatIsPulledForLongGivesWay(t *testing.T) {
	story(t, func(t *testing.T, api *api, a, b *node) {
		api.assign("a")
		eventually(t, time.Second, "a takes it", a.is(Held))
		a.cable(false)
		always(t, Patience-time.Second, "it may come back", a.holds)
		a.cable(true)
		back := time.Now()
		always(t, time.Second, "and it did", a.holds)
		i := slices.IndexFunc(a.lan.told, func(told announcement) bool { return !told.at.Before(back) })
		require.GreaterOrEqual(t, i, 0, "it is announced again")
		require.GreaterOrEqual(t, a.lan.told[i].at.Sub(back), 300*time.Millisecond, "after the question")
		always(t, time.Minute, "it stays", a.holds)

		a.cable(false)
		eventually(t, Patience+time.Second, "a gives up", func() bool { return !a.holds() })
		api.assign("b")
		eventually(t, time.Second, "b takes it", b.is(Held))
		a.cable(true)
		always(t, time.Minute, "a is not asked", func() bool { return b.holds() && !a.holds() })
	})
}

func TestWhoGivesWayToWhom(t *testing.T) {
	low, high := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	var order []time.Duration
	for _, live := range []bool{false, true} {
		for _, own := range []net.HardwareAddr{high, low} {
			rival := low
			if slices.Equal(own, low) {
				rival = high
			}
			wait, forGood := insist(own, rival, live)
			require.Equal(t, live && slices.Equal(own, low), forGood)
			order = append(order, wait)
		}
	}
	require.Equal(t, []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second}, order)
}
