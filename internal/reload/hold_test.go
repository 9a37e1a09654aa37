package reload

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

const instanceBase = "router bgp 65000\n no bgp default ipv4-unicast\n"

// spares is the wanted text with a neighbor as before, and the digest of what that leaves out.
func spares(t *testing.T, before, wanted, name string) (text, left string) {
	t.Helper()
	e := newEngine(vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD))
	document, lefts, err := e.Spare(t.Context(), render.Document{Text: before}, render.Document{Text: wanted}, []string{name})
	require.NoError(t, err)
	return document.Text, lefts[name]
}

// linesInOrder tells that lines stand in a text in this order, each once.
func linesInOrder(t *testing.T, text string, lines ...string) {
	t.Helper()
	at := -1
	for _, l := range lines {
		require.Equal(t, 1, strings.Count(text, l+"\n"), "%s\n%s", l, text)
		next := strings.Index(text, l+"\n")
		require.Greater(t, next, at, "%s\n%s", l, text)
		at = next
	}
}

func TestANewMemberComesAfterTheGroupThatIsHeld(t *testing.T) {
	group := func(password, more string) string {
		return instanceBase + " neighbor G peer-group\n neighbor G remote-as 65001\n neighbor G password " + password + "\n neighbor 10.0.0.1 peer-group G\n" + more
	}
	text, left := spares(t, group("a", ""), group("b", " neighbor 10.0.0.2 peer-group G\n"), "10.0.0.1")
	linesInOrder(t, text, " neighbor G peer-group", " neighbor G remote-as 65001", " neighbor G password a", " neighbor 10.0.0.2 peer-group G")
	_, same := spares(t, group("a", ""), group("b", ""), "10.0.0.1")
	require.Equal(t, left, same, "the new member is nothing that is left out")
}

func TestAGroupThatANeighborWouldJoinIsThereForOthers(t *testing.T) {
	joins := instanceBase + " neighbor G peer-group\n neighbor G remote-as 65001\n neighbor 10.0.0.1 peer-group G\n neighbor 10.0.0.2 peer-group G\n"
	text, _ := spares(t, instanceBase+" neighbor 10.0.0.1 remote-as 65001\n", joins, "10.0.0.1")
	linesInOrder(t, text, " neighbor G peer-group", " neighbor 10.0.0.1 remote-as 65001")
	linesInOrder(t, text, " neighbor G remote-as 65001", " neighbor 10.0.0.2 peer-group G")
}

func TestARangeThatMovedIsHeldOnce(t *testing.T) {
	of := func(group string) string {
		return instanceBase + " neighbor G peer-group\n neighbor G remote-as 65001\n neighbor H peer-group\n neighbor H remote-as 65001\n" +
			" bgp listen range 10.1.0.0/24 peer-group " + group + "\n"
	}
	text, left := spares(t, of("G"), of("H"), "10.1.0.0/24")
	linesInOrder(t, text, " neighbor G peer-group", " bgp listen range 10.1.0.0/24 peer-group G")
	require.Equal(t, 1, strings.Count(text, "bgp listen range"), text)
	require.NotEmpty(t, left)
}

// Services come and go in an instance that is held, and what has been of it is its own.
func TestAnInstanceThatIsHeldAnnouncesWhatIsWanted(t *testing.T) {
	of := func(asn, more string) string {
		return "router bgp " + asn + " as-notation dot\n no bgp default ipv4-unicast\n bgp router-id 192.0.2." + asn[4:] + "\n neighbor 10.0.0.1 remote-as 65001\n" +
			" neighbor 10.0.0.2 remote-as 65001\n address-family ipv4 unicast\n  network 192.0.2.1/32\n" + more
	}
	running := of("65000", "  network 192.0.2.9/32\n")
	text, left := spares(t, running, of("65009", "  network 192.0.2.2/32\n  aggregate-address 192.0.2.0/24\n"), "10.0.0.1")
	for _, l := range []string{
		"router bgp 65000 as-notation dot", " bgp router-id 192.0.2.0", "  network 192.0.2.1/32", "  network 192.0.2.2/32", "  aggregate-address 192.0.2.0/24",
	} {
		require.Contains(t, text, l+"\n")
	}
	require.NotContains(t, text, "192.0.2.9/32")
	require.NotContains(t, text, "bgp 65009")

	_, service := spares(t, running, of("65009", "  network 192.0.2.3/32\n"), "10.0.0.1")
	require.Equal(t, left, service, "a Service is not another change of the neighbor")
	_, another := spares(t, running, of("65008", ""), "10.0.0.1")
	require.NotEqual(t, left, another)
}

func TestWhatIsLeftOutIsOfTheNeighbor(t *testing.T) {
	of := func(first, second, more string) string {
		return instanceBase + " neighbor 10.0.0.1 remote-as " + first + "\n neighbor 10.0.0.2 remote-as " + second + "\n" + more
	}
	before := of("1", "1", "")
	_, left := spares(t, before, of("2", "1", ""), "10.0.0.1")
	require.NotEmpty(t, left)
	for _, same := range []string{of("2", "2", ""), of("2", "1", " address-family ipv4 unicast\n  network 192.0.2.1/32\n")} {
		_, again := spares(t, before, same, "10.0.0.1")
		require.Equal(t, left, again)
	}
	_, another := spares(t, before, of("3", "1", ""), "10.0.0.1")
	require.NotEqual(t, left, another)
	// A line at the top that resets every session, here as the end of this bgpd, is left out for one.
	suppressed := of("1", "1", " address-family ipv4 unicast\n  network 192.0.2.1/32\n  aggregate-address 192.0.2.0/24 summary-only\n")
	for _, top := range []string{"bgp graceful-shutdown\n", "bgp suppress-fib-pending\n"} {
		text, left := spares(t, suppressed, top+suppressed, "10.0.0.1")
		require.NotEmpty(t, left)
		require.NotContains(t, text, top)
		text, _ = spares(t, top+suppressed, suppressed, "10.0.0.1")
		require.Contains(t, text, top)
	}
}

// What is held is not what the document asks for: the caller is told what was applied in its place.
func TestWhatRanIsToldWhereSomethingIsHeld(t *testing.T) {
	var keep []string
	e := New(vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD).Client(), Options{
		Now: time.Now, Gate: func(context.Context, Plan) ([]string, error) { return keep, nil },
	})
	apply := func(text string) render.Document {
		t.Helper()
		document := render.Document{Text: text}
		result, err := e.Apply(t.Context(), document)
		require.NoError(t, err)
		require.True(t, result.Verified())
		return result.Ran(document)
	}
	require.Equal(t, base, apply(base).Text)
	wanted := strings.NewReplacer("64501", "64502", "192.0.2.1/32", "192.0.2.2/32").Replace(base)
	keep = []string{"10.0.0.1"}
	ran := apply(wanted)
	require.Contains(t, ran.Text, "neighbor 10.0.0.1 remote-as 64501")
	require.Contains(t, ran.Text, "network 192.0.2.2/32")
	require.Equal(t, ran, apply(wanted), "it has a digest of its own")
	plan, err := e.Plan(t.Context(), ran)
	require.NoError(t, err)
	require.Empty(t, plan.Commands)
	keep = nil
	require.Equal(t, wanted, apply(wanted).Text)
}
