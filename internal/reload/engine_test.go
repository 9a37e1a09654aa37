package reload

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

func newEngine(frr *vtyshtest.FRR) *Engine { return New(frr.Client(), Options{Now: time.Now}) }

func applied(t *testing.T, e *Engine, text string) Result {
	t.Helper()
	result, err := e.Apply(t.Context(), render.Document{Text: text})
	require.NoError(t, err)
	return result
}

func TestUnchangedIsWhatEveryDaemonPrints(t *testing.T) {
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD, vtysh.Mgmtd)
	e := newEngine(frr)
	unchanged := func() bool {
		same, err := e.Unchanged(t.Context())
		require.NoError(t, err)
		return same
	}
	require.False(t, unchanged(), "nothing was seen running yet")
	require.True(t, applied(t, e, base).Verified())
	require.True(t, unchanged())
	for _, d := range []vtysh.Daemon{vtysh.BGPD, vtysh.BFDD, vtysh.Mgmtd} {
		frr.Type(d, "ip prefix-list typed seq 5 permit any")
		require.False(t, unchanged(), d)
		frr.Type(d, "no ip prefix-list typed")
		require.True(t, unchanged(), d)
	}
	frr.Kill(vtysh.BFDD)
	require.False(t, unchanged(), "bfdd has ended")
	frr.Kill(vtysh.BGPD)
	_, err := e.Unchanged(t.Context())
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
}

// manyFilters are n entries of a list and a neighbor, with more lines in between.
func manyFilters(n int, more string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "ip prefix-list many seq %d permit 10.%d.%d.0/24\n", i+1, i/250, i%250)
	}
	return b.String() + more + "router bgp 64500\n neighbor 10.0.0.1 remote-as 64501\nexit\n"
}

func TestManyFiltersAreOneTransaction(t *testing.T) {
	const off = "bgp route-map delay-timer 0\n"
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"few":                                   {manyFilters(3, off), 0},
		"many":                                  {manyFilters(40, off), 1},
		"many that would delay a new neighbor":  {manyFilters(40, ""), 0},
		"more than what the delay is worth":     {manyFilters(600, ""), 1},
		"the lines of bgpd's own lists are not": {strings.ReplaceAll(manyFilters(40, off), "ip prefix-list many", "bgp community-list expanded many"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			frr := vtyshtest.New(t, "10.3", vtysh.BGPD)
			require.True(t, applied(t, newEngine(frr), c.text).Verified())
			begun := 0
			for _, l := range frr.Lines(vtysh.BGPD) {
				if l == "XFRR_start_configuration" {
					begun++
				}
			}
			require.Equal(t, c.want, begun)
		})
	}
}

// TestAnEntryOfAMapInUseComesAtOnce, with few lines too: without its conditions it would take the routes of those behind it.
func TestAnEntryOfAMapInUseComesAtOnce(t *testing.T) {
	const router = "router bgp 64500\n neighbor 10.0.0.1 remote-as 64501\n address-family ipv4 unicast\n  neighbor 10.0.0.1 route-map out-all out\n exit-address-family\nexit\n"
	const running = "bgp route-map delay-timer 0\nroute-map out-all permit 50\n match tag 5\nexit\n" + router
	for _, entry := range []string{"permit 10\n match tag 7\n set metric 7", "permit 10\n match tag 7", "deny 10\n match tag 7", "permit 60\n set metric 7"} {
		for _, version := range []vtysh.Version{frr84, frr103} {
			plan := Diff(Running{Version: version, BGPD: running}, render.Document{Text: "route-map out-all " + entry + "\nexit\n" + running})
			require.NotEmpty(t, plan.Commands)
			for _, c := range plan.Commands {
				require.True(t, c.Bulk || c.Exec, "%s", c)
			}
		}
	}
	// Nobody looks at a map yet that comes with its neighbor.
	plan := Diff(Running{Version: frr103, BGPD: "bgp route-map delay-timer 0\n"}, render.Document{Text: running})
	require.False(t, slices.ContainsFunc(plan.Commands, func(c Command) bool { return c.Bulk }))
}

// TestListsOf84GrowOneByOne: 8.4 would be deaf for as long as it looks for duplicates.
func TestListsOf84GrowOneByOne(t *testing.T) {
	text := manyFilters(250, "bgp route-map delay-timer 0\nroute-map r permit 10\n match tag 7\n set metric 7\nexit\nroute-map r permit 20\n"+
		" match tag 8\n set metric 8\nexit\nroute-map r permit 30\n match tag 9\n set metric 9\nexit\nroute-map r permit 40\n match tag 10\n set metric 1\nexit\n")
	bulk := func(running Running, wanted string) (lists, maps, removed int) {
		for _, c := range Diff(running, render.Document{Text: wanted}).Commands {
			switch line := c.Line.Reveal(); {
			case !c.Bulk:
			case strings.HasPrefix(line, "no "):
				removed++
			case len(c.Context) > 0:
				maps++
			default:
				lists++
			}
		}
		return lists, maps, removed
	}
	for _, whole := range []bool{false, true} {
		lists, maps, _ := bulk(Running{Version: frr84, Whole: whole}, text)
		require.Equal(t, []int{0, 8}, []int{lists, maps})
		lists, maps, _ = bulk(Running{Version: frr103, Whole: whole}, text)
		require.Equal(t, []int{250, 8}, []int{lists, maps})
		_, _, removed := bulk(Running{Version: frr84, Whole: whole, BGPD: text, BFDD: text}, manyFilters(1, "bgp route-map delay-timer 0\n"))
		require.Equal(t, 250, removed, "249 entries and a route-map")
	}
}

func TestAListGoesAsAWhole(t *testing.T) {
	text := manyFilters(20, "bgp route-map delay-timer 0\nipv6 prefix-list many seq 5 permit any\naccess-list 7 seq 5 permit any\n")
	for _, whole := range []bool{false, true} {
		plan := Diff(Running{Version: frr84, Whole: whole, BGPD: text, BFDD: text}, render.Document{Text: manyFilters(0, "bgp route-map delay-timer 0\n")})
		var lines []string
		for _, c := range plan.Commands {
			lines = append(lines, c.Line.Reveal())
		}
		require.Equal(t, []string{"no ip prefix-list many", "no ipv6 prefix-list many", "no access-list 7"}, lines)
	}
}

// TestARefusedFilterIsNamed: FRR refuses a transaction as a whole, and the plan tells which line it was.
func TestARefusedFilterIsNamed(t *testing.T) {
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD)
	bad := "ip prefix-list bad seq 5 permit 192.0.2.0/24 ge 8"
	good := manyFilters(40, "bgp route-map delay-timer 0\nroute-map r permit 10\n match tag 7\nexit\n")
	result := applied(t, newEngine(frr), bad+"\n"+good)
	require.Len(t, result.Refused, 1)
	require.Equal(t, bad, result.Refused[0].Command.Line.Reveal())
	require.Contains(t, result.Refused[0].Reply, "mask length")
	require.Len(t, result.Remaining.Commands, 1)
	require.Empty(t, Diff(Running{BGPD: frr.Running(vtysh.BGPD), Version: frr103}, render.Document{Text: good}).Commands, "everything else is applied")
}

// TestWhatSomebodyElseHasEnteredIsNotRefused: bgpd 8.4 takes the line once, and when it is started anew who reads frr.conf may be faster.
func TestWhatSomebodyElseHasEnteredIsNotRefused(t *testing.T) {
	const line = "neighbor 10.0.0.1 graceful-restart"
	wanted := "router bgp 64500\n neighbor 10.0.0.1 remote-as 64501\n " + line + "\nexit\n"
	for _, faster := range []bool{false, true} {
		frr := vtyshtest.New(t, "8.4.4", vtysh.BGPD, vtysh.BFDD)
		frr.Inject(func(_ vtysh.Daemon, l string) vtyshtest.Fault {
			if l != line {
				return vtyshtest.Fault{}
			}
			entered := make(chan struct{})
			go func() {
				defer close(entered)
				if faster {
					frr.Type(vtysh.BGPD, "router bgp 64500", line)
				}
			}()
			return vtyshtest.Fault{Hang: entered, Refuse: "% The Graceful Restart command used is not valid at this moment.\n"}
		})
		result := applied(t, newEngine(frr), wanted)
		require.Equal(t, faster, result.Verified())
		require.Equal(t, faster, len(result.Refused) == 0)
	}
}

// TestAnApplyThatWasCutGoesOn cuts the connection, or ends bgpd, after each line of an apply; the next apply finishes it.
func TestAnApplyThatWasCutGoesOn(t *testing.T) {
	wanted := manyFilters(10, base)
	reference := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
	require.True(t, applied(t, newEngine(reference), wanted).Verified())
	lines := len(reference.Lines(vtysh.BGPD))
	require.Greater(t, lines, 30)
	for n := range lines + 5 {
		for _, crash := range []bool{false, true} {
			frr := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
			e := newEngine(frr)
			left := n
			frr.Inject(func(d vtysh.Daemon, _ string) vtyshtest.Fault {
				if d == vtysh.BGPD {
					left--
				}
				hit := d == vtysh.BGPD && left == 0
				return vtyshtest.Fault{Cut: hit && !crash, Crash: hit && crash}
			})
			if _, err := e.Apply(t.Context(), render.Document{Text: wanted}); err != nil {
				require.ErrorIs(t, err, vtysh.ErrNotRunning)
			}
			frr.Inject(nil)
			if frr.Running(vtysh.BGPD) == "" {
				frr.Start(vtysh.BGPD)
			}
			require.True(t, applied(t, e, wanted).Verified(), "after line %d", n)
		}
	}
}

func TestWhatWasReadIsNotChanged(t *testing.T) {
	var texts reader
	text := strings.Replace(base, "  network 192.0.2.1/32", "  network 192.0.2.0/32 route-map class-1\n  network 192.0.2.1/32", 1)
	running := Running{BGPD: text, BFDD: base, Previous: base, Version: frr103, texts: &texts}
	wanted := strings.NewReplacer("64501", "64502", "out-all permit 10", "out-all permit 20", "192.0.2.1/32", "192.0.2.2/32").Replace(base)
	for range 2 {
		held := hold(running, texts.read(wanted), []string{"10.0.0.1"})
		require.Empty(t, diff(running, held).Resets())
		require.Equal(t, []string{"10.0.0.1"}, diff(running, texts.read(wanted)).Resets())
		texts.turn()
	}
	for _, s := range []string{text, base, wanted} {
		require.Equal(t, read(s), texts.read(s))
	}
}

func TestAPlanKeepsNoText(t *testing.T) {
	// Plans are kept to be shown. The words of this one come from a text that nobody else keeps.
	text := strings.Clone(strings.NewReplacer("neighbor 10.0.0.1 remote-as 64501", "neighbor 10.0.0.1 remote-as 64502",
		"receive-interval 100", "receive-interval 200", "192.0.2.1/32", "192.0.2.2/32").Replace(base) + "ip prefix-list a seq 5 permit any\n")
	plan := Diff(Running{BGPD: base, BFDD: base, Previous: base, Version: frr103}, render.Document{Text: text})
	require.Len(t, plan.Commands, 5)
	within := func(word string) bool {
		at, begin := uintptr(unsafe.Pointer(unsafe.StringData(word))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
		return at >= begin && at < begin+uintptr(len(text))
	}
	for _, c := range plan.Commands {
		require.False(t, within(c.Line.Reveal()), c)
		for _, l := range c.Context {
			require.False(t, within(l.Reveal()), c)
		}
		for _, n := range c.Neighbors {
			require.False(t, within(n), c)
		}
	}
}

// A router that answers fast must not be told of a neighbor's families before it has them.
func TestANewNeighborOfAViewIsCalledWithItsFamilies(t *testing.T) {
	const text = `router bgp 65001 view gw-10.0.1.100
 bgp router-id 10.0.1.100
 no bgp default ipv4-unicast
 neighbor 10.8.0.10 remote-as 65002
 neighbor 10.8.0.10 timers connect 1
 neighbor 10.8.0.11 remote-as 65002
 neighbor 10.8.0.11 timers connect 1
 address-family ipv4 unicast
  network 192.0.2.1/32
  neighbor 10.8.0.10 activate
  neighbor 10.8.0.10 route-map gdc-deny in
  neighbor 10.8.0.11 activate
 exit-address-family
 address-family ipv6 unicast
  neighbor 10.8.0.10 activate
 exit-address-family
exit
`
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD)
	e := newEngine(frr)
	result := applied(t, e, text)
	require.True(t, result.Verified(), "%v\n%s", result.Refused, result.Remaining)
	sent := strings.Join(frr.Lines(vtysh.BGPD), "\n")
	call := func(in ...string) string { return "router bgp 65001 view gw-10.0.1.100\n" + strings.Join(in, "\n") }
	require.Contains(t, sent, call("neighbor 10.8.0.10 timers connect 1",
		"address-family ipv4 unicast", "neighbor 10.8.0.10 activate", "exit-address-family",
		"address-family ipv6 unicast", "neighbor 10.8.0.10 activate", "exit-address-family"))
	require.Contains(t, sent, call("neighbor 10.8.0.11 timers connect 1", "address-family ipv4 unicast", "neighbor 10.8.0.11 activate", "exit-address-family"))
	for _, l := range []string{"network 192.0.2.1/32", "neighbor 10.8.0.10 route-map gdc-deny in"} {
		require.Less(t, strings.Index(sent, l), strings.Index(sent, "timers connect"), l)
	}
	require.Equal(t, 2, strings.Count(sent, "timers connect"))

	// One that is there is not called, and elsewhere a neighbor has its families first.
	result = applied(t, e, strings.Replace(text, "10.8.0.10 timers connect 1", "10.8.0.10 timers connect 2", 1))
	require.Len(t, result.Plan.Commands, 1)
	require.False(t, result.Plan.Commands[0].Calls)
	plan := Diff(Running{Version: frr103}, render.Document{Text: strings.Replace(text, " view gw-10.0.1.100", "", 1)})
	require.False(t, slices.ContainsFunc(plan.Commands, func(c Command) bool { return c.Calls }))
}

func TestANeighborOfAViewThatFRRRefusesALineOfHasNoFamily(t *testing.T) {
	const text = "router bgp 65001 view v\n no bgp default ipv4-unicast\n neighbor 10.8.0.10 remote-as 65002\n neighbor 10.8.0.10 timers connect 1\n" +
		" neighbor 10.8.0.10 nonsense\n address-family ipv4 unicast\n  neighbor 10.8.0.10 activate\n exit-address-family\nexit\n"
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD)
	result := applied(t, newEngine(frr), text)
	require.NotEmpty(t, result.Refused)
	require.NotContains(t, frr.Lines(vtysh.BGPD), "neighbor 10.8.0.10 activate")
}
