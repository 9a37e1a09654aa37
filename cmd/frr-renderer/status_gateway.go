package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// printGateway prints the node's part in GDC mode.
func printGateway(w io.Writer, p paint, g status.Gateway, now time.Time) error {
	if err := printFloatingIPs(w, p, g); err != nil {
		return err
	}
	if err := printRouters(w, p, g); err != nil {
		return err
	}
	printNodes(w, p, g)
	printTraffic(w, p, g)
	if g.Lease != nil {
		printLease(w, p, *g.Lease, now)
	}
	return nil
}

func printFloatingIPs(w io.Writer, p paint, g status.Gateway) error {
	held, all := 0, 0
	for _, f := range g.FloatingIPs {
		if f.State == status.FloatingIPHeld {
			held++
		}
		if f.Wanted || f.State != status.FloatingIPRefused { // what was refused, and is elsewhere, is not missing here
			all++
		}
	}
	fmt.Fprintf(w, "\nGateway: holds %d of %d floating IPs\n", held, all)
	if g.Unwell != "" {
		fmt.Fprintf(w, "  %s\n", p.bad("it can hold none: "+g.Unwell))
	}
	if len(g.FloatingIPs) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  FLOATING IP\tGROUP\tSTATE\tOTHER HOST\tWHY")
	for _, f := range g.FloatingIPs {
		state := string(f.State)
		switch {
		case f.Leaving:
			state += ", leaving"
		case !f.Wanted:
			state += ", not wanted here"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", f.Address, dash(f.Group), state, dash(f.MAC), dash(f.Reason))
	}
	return t.Flush()
}

func printRouters(w io.Writer, p paint, g status.Gateway) error {
	routers := sessionsWith(g, status.WithRouter)
	if len(routers) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nSessions with routers, %s\n", upOf(p, routers))
	var n notes
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  FROM\tTO\tAS\tBGPPEER\tSTATE\tUP\tPATHS SENT\tADD-PATH\tWHY NOT")
	for _, s := range routers {
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\t%s\n", s.FloatingIP, s.Peer, s.ASN, dash(s.Name), s.State, uptime(s.Up), s.Sent, addPath(s, &n), dash(s.Trouble))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	n.print(w)
	return nil
}

func sessionsWith(g status.Gateway, with status.SessionEnd) []status.GatewaySession {
	return slices.DeleteFunc(slices.Clone(g.Sessions), func(s status.GatewaySession) bool { return s.With != with })
}

// upOf counts sessions.
func upOf(p paint, sessions []status.GatewaySession) string {
	up := 0
	for _, s := range sessions {
		if s.Established() {
			up++
		}
	}
	text := fmt.Sprintf("%d of %d are up", up, len(sessions))
	if up < len(sessions) {
		return p.bad(text)
	}
	return text
}

// addPath says how many paths for a prefix a router is told, and where that is not what is configured, or what it could be told.
func addPath(s status.GatewaySession, n *notes) string {
	var words []string
	for _, a := range s.AddPath {
		words = append(words, manyPaths(a, s.Established(), n))
	}
	if len(words) == 0 {
		return "-"
	}
	if len(slices.Compact(slices.Clone(words))) == 1 {
		return words[0]
	}
	for i, a := range s.AddPath {
		words[i] = a.Family + " " + words[i]
	}
	return strings.Join(words, ", ")
}

func manyPaths(a status.SessionAddPath, up bool, n *notes) string {
	switch {
	case !up && (a.Configured || a.Wanted):
		return "configured"
	case !up:
		return "-"
	case a.Sending:
		return "all paths"
	case a.Configured:
		return "one path" + n.mark("all paths are configured, but the router does not receive several")
	case a.PeerReceives:
		return "one path" + n.mark("the router receives several; all paths are told with the next session")
	}
	return "one path"
}

// printNodes prints the sessions inside the cluster: their numbers, and those that are down.
func printNodes(w io.Writer, p paint, g status.Gateway) {
	for _, end := range []struct {
		with  status.SessionEnd
		title string
	}{{status.WithNode, "Sessions with nodes that take traffic"}, {status.WithHolder, "Sessions with holders of floating IPs"}} {
		sessions := sessionsWith(g, end.with)
		if len(sessions) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s\n", end.title, upOf(p, sessions))
		for _, s := range sessions {
			if !s.Established() {
				fmt.Fprintf(w, "  %s: %s\n", within(s), p.bad(cmp.Or(s.Trouble, s.State)))
			}
		}
	}
}

// within names a session inside the cluster.
func within(s status.GatewaySession) string {
	if s.With == status.WithHolder {
		return fmt.Sprintf("%s (%s)", s.FloatingIP, cmp.Or(s.Name, "no node holds it"))
	}
	return fmt.Sprintf("%s with %s (%s)", s.FloatingIP, cmp.Or(s.Name, "a node"), s.Peer)
}

func printTraffic(w io.Writer, p paint, g status.Gateway) {
	if g.Traffic == nil {
		fmt.Fprintf(w, "\nNo traffic for Services comes to this node (\"frr-renderer explain node\" says why)\n")
		return
	}
	var hops []string
	for _, a := range []netip.Addr{g.Traffic.IPv4, g.Traffic.IPv6} {
		if a.IsValid() {
			hops = append(hops, a.String())
		}
	}
	fmt.Fprintf(w, "\nTakes traffic as %s: next hop for %d of %d addresses of Services\n", strings.Join(hops, ", "), g.Traffic.Addresses, g.Traffic.Of)
}

func printLease(w io.Writer, p paint, l status.GatewayLease, now time.Time) {
	state := "not renewed, since the node holds no floating IP and is none of those that would be given one"
	switch {
	case l.Wanted && l.Renewed.IsZero():
		state = p.bad("never renewed: the manager does not know that the node lives")
	case l.Wanted && l.Live(now):
		state = fmt.Sprintf("live until %s, renewed %s ago", l.Until.Format(time.TimeOnly), now.Sub(l.Renewed).Round(100*time.Millisecond))
	case l.Wanted:
		state = p.bad(fmt.Sprintf("run out at %s: floating IPs stay here until another host is seen to have them", l.Until.Format(time.TimeOnly)))
	}
	fmt.Fprintf(w, "\nLease: %s\n", state)
	if l.Error != "" {
		fmt.Fprintf(w, "  %s\n", p.warn(fmt.Sprintf("the last try failed (%d of them since the start): %s", l.Failures, l.Error)))
	}
}

// besides are the sessions that the node's part in GDC mode does not tell of.
func besides(state observe.State, g *status.Gateway) observe.State {
	if g == nil {
		return state
	}
	told := map[string]bool{}
	for _, s := range g.Sessions {
		told[s.Instance+" "+s.Peer.String()] = true
	}
	state.Sessions = slices.DeleteFunc(slices.Clone(state.Sessions), func(s observe.Session) bool { return told[s.VRF+" "+s.Neighbor] })
	return state
}
