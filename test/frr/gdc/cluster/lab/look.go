package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// Holders are the nodes whose kernels have a floating IP, by its address.
func (l *Lab) Holders() map[string][]string {
	out := map[string][]string{}
	for _, m := range l.Spec.Machines {
		all, err := addresses(l.Node(m.Name))
		require.NoError(l.t, err)
		for a := range all {
			if slices.Contains(l.Spec.Floating, a) {
				out[a] = append(out[a], m.Name)
			}
		}
	}
	return out
}

// Left is for how many seconds the kernel of a node keeps a floating IP that nobody refreshes; 0 where it has none.
func (l *Lab) Left(floating, node string) int {
	l.t.Helper()
	all, err := addresses(l.Node(node))
	require.NoError(l.t, err)
	return all[floating]
}

// addresses are the IPv4 addresses that the product has put on a node, by their label, with the seconds for which the kernel keeps them.
func addresses(n *fabric.Node) (map[string]int, error) {
	out := map[string]int{}
	err := n.Netlink("", func(h *netlink.Handle) error {
		all, err := h.AddrList(nil, netlink.FAMILY_V4)
		for _, a := range all {
			if strings.HasSuffix(a.Label, ":frr-fip") {
				out[a.IP.String()] = a.ValidLft
			}
		}
		return err
	})
	return out, err
}

// Holder is the one node that has a floating IP, in the kernel and by the word of the manager; "" when there is none, or more than one.
func (l *Lab) Holder(floating string) string {
	l.t.Helper()
	if h := l.Holders()[floating]; len(h) == 1 && l.Group().Status.FloatingIPs[floating] == h[0] {
		return h[0]
	}
	return ""
}

// Held waits until a floating IP is held by one of these nodes alone (none named: any), and returns it.
func (l *Lab) Held(floating string, by ...string) string {
	l.t.Helper()
	var holder string
	l.Eventually(fmt.Sprintf("%s is held by one of %q", floating, by), func() error {
		if holder = l.Holder(floating); holder == "" || len(by) > 0 && !slices.Contains(by, holder) {
			return fmt.Errorf("it is at %q, and by the manager's word at %q", l.Holders()[floating], l.Group().Status.FloatingIPs[floating])
		}
		return nil
	})
	return holder
}

// Settled waits until every floating IP is held by one node, every session is up and told so, and the routers have just those.
func (l *Lab) Settled() {
	l.t.Helper()
	for _, f := range l.Spec.Floating {
		l.Held(f)
	}
	l.Eventually("sessions are up", l.sessionsUp)
	for _, r := range l.Spec.Tors {
		for _, f := range l.Spec.Floating {
			_, err := l.Node(r.Name).WaitEstablished(l.within(), "", f)
			require.NoError(l.t, err)
		}
	}
}

func (l *Lab) within() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	l.t.Cleanup(cancel)
	return ctx
}

// sessionsUp is nil when there is a BGPSession for each floating IP and router, at its holder, and each is said and seen to be up.
func (l *Lab) sessionsUp() error {
	all := l.BGPSessions()
	if want := len(l.Spec.Floating) * len(l.Spec.Tors); len(all) != want {
		return fmt.Errorf("there are %d BGPSessions, not %d", len(all), want)
	}
	for _, s := range all {
		if s.Status.State != networking.SessionEstablished {
			return fmt.Errorf("BGPSession %s is %s: %s", s.Name, s.Status.State, s.Status.Message)
		}
		if holder := l.Holder(s.Spec.FloatingIP); holder != s.Spec.NodeName {
			return fmt.Errorf("BGPSession %s is at %s, and %s at %q", s.Name, s.Spec.NodeName, s.Spec.FloatingIP, holder)
		}
		said, err := l.Node(s.Spec.NodeName).Session(l.t.Context(), "gw-"+s.Spec.FloatingIP, s.Spec.PeerIP)
		if err == nil && said.State != "Established" {
			err = fmt.Errorf("FRR of %s has it %s", s.Spec.NodeName, said.State)
		}
		if err != nil {
			return fmt.Errorf("BGPSession %s: %w", s.Name, err)
		}
	}
	return nil
}

// Told waits until every router has a VIP by exactly these nodes, in BGP and in its kernel: by each of them a session where it takes many paths, by one of
// them a session otherwise, and another for each session as long as there are enough.
func (l *Lab) Told(vip string, nodes ...string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("the routers have %s by %q", vip, nodes), func() error {
		for _, r := range l.Spec.Tors {
			if err := l.told(r, netip.MustParseAddr(vip), nodes); err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
		}
		return nil
	})
}

func (l *Lab) told(r Tor, vip netip.Addr, nodes []string) error {
	prefix := netip.PrefixFrom(vip, vip.BitLen())
	paths, err := l.Node(r.Name).Routes(l.t.Context(), "", prefix.String())
	if err != nil {
		return err
	}
	by := map[netip.Addr]int{}
	for _, p := range paths {
		if p.ASPath != "65001" || len(p.LargeCommunities) > 0 || p.MED != 0 || len(p.NextHops) != 1 && vip.Is4() {
			return fmt.Errorf("a path with other marks than it shall have: %+v", p)
		}
		by[p.NextHops[0]]++
	}
	for hop := range by {
		if !slices.ContainsFunc(nodes, func(n string) bool { return l.hop(n, vip) == hop }) {
			return fmt.Errorf("there is a path by %s, which is none of %q", hop, nodes)
		}
	}
	want, each := len(nodes), len(l.Spec.Floating)
	if r.One {
		want, each = min(len(nodes), len(l.Spec.Floating)), 1
	}
	if len(by) != want {
		return fmt.Errorf("it has paths by %v, and not by %d nodes", by, want)
	}
	for hop, paths := range by {
		if paths != each && (!r.One || len(nodes) >= len(l.Spec.Floating)) {
			return fmt.Errorf("it has %d paths by %s, not %d", paths, hop, each)
		}
	}
	hops := slices.SortedFunc(maps.Keys(by), netip.Addr.Compare)
	kernel, err := network.Hops(l.Node(r.Name), prefix)
	if err != nil {
		return err
	}
	if !slices.Equal(kernel, hops) {
		return fmt.Errorf("its kernel has it by %v, and not by %v", kernel, hops)
	}
	return nil
}

// hop is the address of a node in the family of a VIP.
func (l *Lab) hop(node string, vip netip.Addr) netip.Addr {
	m := l.Machine(node)
	if vip.Is4() {
		return netip.MustParseAddr(m.Address())
	}
	return netip.MustParseAddr(m.Address6())
}

// NotTold waits until no router has a VIP.
func (l *Lab) NotTold(vip string) {
	l.t.Helper()
	a := netip.MustParseAddr(vip)
	p := netip.PrefixFrom(a, a.BitLen())
	l.Eventually("no router has "+vip, func() error {
		for _, r := range l.Spec.Tors {
			if hops, err := network.Hops(l.Node(r.Name), p); err != nil || len(hops) > 0 {
				return fmt.Errorf("%s has it by %v (%v)", r.Name, hops, err)
			}
		}
		return nil
	})
}

// Hops are the next hops of a VIP in the kernel of a router.
func (l *Lab) Hops(router, vip string) []netip.Addr {
	l.t.Helper()
	a := netip.MustParseAddr(vip)
	hops, err := network.Hops(l.Node(router), netip.PrefixFrom(a, a.BitLen()))
	require.NoError(l.t, err)
	return hops
}

// NoRoutes shows that no node has a route of BGP's in its kernel.
func (l *Lab) NoRoutes() {
	l.t.Helper()
	for _, m := range l.Spec.Machines {
		for _, family := range []string{"-4", "-6"} {
			require.Empty(l.t, l.IP(m.Name, family, "route", "show", "proto", "bgp"), m.Name)
		}
	}
}

// Sessions are the BGP sessions of a node or a router.
func (l *Lab) Sessions(at string) []fabric.Session {
	l.t.Helper()
	all, err := l.Node(at).Sessions(l.t.Context())
	require.NoError(l.t, err)
	return all
}

// Undisturbed does something, and shows that no router has lost a session meanwhile but those of these floating IPs.
func (l *Lab) Undisturbed(but []string, do func()) {
	l.t.Helper()
	before := map[string][]fabric.Session{}
	for _, r := range l.Spec.Tors {
		before[r.Name] = slices.DeleteFunc(l.Sessions(r.Name), func(s fabric.Session) bool { return slices.Contains(but, s.Neighbor) })
	}
	do()
	for _, r := range l.Spec.Tors {
		require.Empty(l.t, fabric.Disturbed(before[r.Name], l.Sessions(r.Name)), "sessions of %s", r.Name)
	}
}

// SaysSessions waits until "kubectl get bgpsessions" prints these rows, without the last column, which is an age.
func (l *Lab) SaysSessions(rows ...string) {
	l.t.Helper()
	l.says("bgpsessions", []string{"NAME", "LOCAL ASN", "PEER ASN", "LOCAL IP", "PEER IP", "STATE", "LAST REPORT"}, true, rows)
}

// SaysRoutes waits until "kubectl get bgpadvertisedroutes" prints these rows.
func (l *Lab) SaysRoutes(rows ...string) {
	l.t.Helper()
	l.says("bgpadvertisedroutes", []string{"NAME", "PREFIX", "METRIC"}, false, rows)
}

// Advertised waits until the BGPSessions with a router say that it is told these prefixes, and what became of ADD-PATH: FAMILY many, or FAMILY one.
func (l *Lab) Advertised(router string, addPath []string, prefixes ...string) {
	l.t.Helper()
	l.Eventually("BGPSessions say what "+router+" is told", func() error {
		for _, s := range l.BGPSessions() {
			if s.Spec.PeerIP != router {
				continue
			}
			var families []string
			for _, a := range s.Status.AddPath {
				word := "one"
				if a.PeerReceives && a.Sending {
					word = "many"
				}
				families = append(families, string(a.Family)+" "+word)
			}
			if !slices.Equal(families, addPath) || !slices.Equal(s.Status.AdvertisedRoutes, prefixes) {
				return fmt.Errorf("%s says %q and %q, and not %q and %q", s.Name, families, s.Status.AdvertisedRoutes, addPath, prefixes)
			}
		}
		return nil
	})
}

func (l *Lab) says(resource string, columns []string, age bool, want []string) {
	l.t.Helper()
	l.Eventually("kubectl get "+resource+" prints what it shall", func() error {
		head, rows := l.Table(resource, Reports)
		if !slices.Equal(head, columns) {
			return fmt.Errorf("the columns are %q", head)
		}
		var got []string
		for _, row := range rows {
			if age {
				if _, err := time.ParseDuration(row[len(row)-1]); err != nil {
					return errors.New("a session has no age of its last report: " + strings.Join(row, " "))
				}
				row = row[:len(row)-1]
			}
			got = append(got, strings.TrimSpace(strings.Join(row, " ")))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("it prints\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	})
}
