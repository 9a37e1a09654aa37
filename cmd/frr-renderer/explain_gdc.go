package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// toldInGDC says in a few words what becomes of a Service in GDC mode.
func toldInGDC(s gateway.ServiceAnswer) string {
	told, sessions := 0, map[string]bool{}
	for _, a := range s.Addresses {
		any := false
		for _, t := range a.Sessions {
			if t.Told() {
				any, sessions[fmt.Sprint(t.FloatingIP, t.PeerIP)] = true, true
			}
		}
		if any {
			told++
		}
	}
	switch {
	case s.Told():
		return fmt.Sprintf("%d of %d addresses announced, in %s with routers", told, len(s.Addresses), counted(len(sessions)))
	case s.Verdict == gateway.Announced:
		return "no router is told, since there is no session to tell it in"
	}
	return "announced to no router: " + string(s.Verdict)
}

// counted is a number of sessions.
func counted(sessions int) string {
	if sessions == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", sessions)
}

// printServiceInGDC prints each address of a Service: next hops, and what routers are told. It returns its sentences.
func printServiceInGDC(w io.Writer, s gateway.ServiceAnswer) (notes, error) {
	var n notes
	if len(s.Addresses) == 0 {
		wrap(w, string(s.Verdict)+": ", s.Why)
		return notes{s.Why}, nil
	}
	for _, a := range s.Addresses {
		fmt.Fprintln(w)
		if a.Verdict != gateway.Announced {
			wrap(w, "", fmt.Sprintf("%s: no: %s%s", a.Address, a.Verdict, n.mark(a.Why)))
			continue
		}
		title := fmt.Sprintf("%s: in %s", a.Address, a.Pool)
		if len(a.Shared) > 0 {
			title += ", also of Service " + some(a.Shared)
		}
		wrap(w, "", title)
		if err := printHops(w, a.Nodes, &n); err != nil {
			return nil, err
		}
		if err := printTells(w, a.Sessions, &n); err != nil {
			return nil, err
		}
	}
	n.print(w)
	return n, nil
}

// printHops prints the nodes of an address: those that are next hops, and the others by reason.
func printHops(w io.Writer, nodes []gateway.HopAnswer, n *notes) error {
	type group struct {
		reason gateway.Reason
		why    string
	}
	var groups []group
	which := map[group][]string{}
	for _, h := range nodes {
		g := group{h.Reason, h.Why}
		if which[g] == nil {
			groups = append(groups, g)
		}
		name := h.Node
		if h.NextHop.IsValid() {
			name += " " + h.NextHop.String()
		}
		which[g] = append(which[g], name)
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(noHop(a.reason), noHop(b.reason)) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  NODES\tNEXT HOP\tWHICH")
	for _, g := range groups {
		answer := "yes"
		if g.reason != gateway.IsNextHop {
			answer = "no: " + string(g.reason)
		}
		fmt.Fprintf(t, "  %d\t%s%s\t%s\n", len(which[g]), answer, n.mark(g.why), some(which[g]))
	}
	return t.Flush()
}

func noHop(r gateway.Reason) int {
	if r == gateway.IsNextHop {
		return 0
	}
	return 1
}

func printTells(w io.Writer, sessions []gateway.TellAnswer, n *notes) error {
	if len(sessions) == 0 {
		fmt.Fprintln(w, "  no session: no router is told")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  FROM\tON NODE\tTO\tBGPPEER\tTOLD")
	for _, s := range sessions {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", s.FloatingIP, onNode(s.SessionAnswer, n), s.PeerIP, dash(s.Peer), tells(s, n))
	}
	return t.Flush()
}

// onNode says whether the node that a session is to start from holds its floating IP, as far as nodes tell.
func onNode(s gateway.SessionAnswer, n *notes) string {
	switch {
	case s.Holders == nil:
		return s.Node
	case len(s.Holders) == 1 && s.Holders[0] == s.Node:
		return s.Node + ", held"
	case len(s.Holders) == 0:
		return s.Node + n.mark(fmt.Sprintf("no node tells that it holds %s now; frr-renderer status on node %s says why", s.FloatingIP, s.Node))
	}
	return s.Node + n.mark(fmt.Sprintf("nodes that tell to hold %s now: %s", s.FloatingIP, strings.Join(s.Holders, ", ")))
}

// tells says which next hops a router is told.
func tells(s gateway.TellAnswer, n *notes) string {
	switch {
	case s.All:
		return "all next hops (ADD-PATH)"
	case s.First == "":
		return "nothing" + n.mark(s.Why)
	case s.Reserve == "":
		return s.First
	}
	return fmt.Sprintf("%s, and %s when that is gone", s.First, s.Reserve)
}

// printNodeInGDC prints what a node does for the cluster.
func printNodeInGDC(w io.Writer, v gateway.NodeAnswer) error {
	holds, verb := 0, "holds"
	for _, f := range v.FloatingIPs {
		if f.Holder == v.Node {
			holds++
			if !f.Placed {
				verb = "is to hold"
			}
		}
	}
	wrap(w, "", fmt.Sprintf("Node %s in GDC mode: %s; %s %d of %d floating IPs, %s with routers", v.Node, traffic(v), verb, holds, len(v.FloatingIPs), counted(len(v.Sessions))))
	var n notes
	if v.Why != "" {
		wrap(w, "", v.Why)
	}
	for _, print := range []func(io.Writer, gateway.NodeAnswer, *notes) error{printFloatingAnswers, printSessionAnswers, printServiceReasons} {
		if err := print(w, v, &n); err != nil {
			return err
		}
	}
	n.print(w)
	return nil
}

func traffic(v gateway.NodeAnswer) string {
	if v.Traffic != gateway.IsNextHop {
		return "no traffic for Services comes to it: " + string(v.Traffic)
	}
	var hops []string
	for _, a := range []netip.Addr{v.IPv4, v.IPv6} {
		if a.IsValid() {
			hops = append(hops, a.String())
		}
	}
	return "takes traffic for Services as " + cmp.Or(strings.Join(hops, ", "), "no address")
}

func printFloatingAnswers(w io.Writer, v gateway.NodeAnswer, n *notes) error {
	if len(v.FloatingIPs) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FLOATING IP\tGROUP\tHOLDER\tHERE")
	for _, f := range v.FloatingIPs {
		here, holds := "could hold it", "holds it"
		if !f.Placed || f.Refusal != "" {
			holds = "is to hold it"
		}
		switch {
		case f.Holder == v.Node && f.Can:
			here = holds
		case f.Holder == v.Node:
			here = holds + ", though " + f.Why
		case !f.Can:
			here = "no: " + f.Why
		}
		if f.Refusal != "" {
			here += n.mark(f.Refusal)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Address, f.Group, dash(f.Holder), here)
	}
	return t.Flush()
}

func printSessionAnswers(w io.Writer, v gateway.NodeAnswer, n *notes) error {
	if len(v.Sessions) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tAS\tBGPPEER\tNEXT HOPS")
	for _, s := range v.Sessions {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", s.FloatingIP, s.PeerIP, s.PeerASN, dash(s.Peer), hops(s, n))
	}
	return t.Flush()
}

// hops says how many next hops a router is told for an address.
func hops(s gateway.SessionAnswer, n *notes) string {
	switch {
	case s.ManyIPv4 && s.ManyIPv6:
		return "all"
	case s.ManyIPv4:
		return "all for IPv4, one for IPv6"
	case s.ManyIPv6:
		return "one for IPv4, all for IPv6"
	}
	return "one" + n.mark("the router was not seen to receive several paths for a prefix (ADD-PATH), or nobody has spoken with it yet")
}

// reasonsInGDC say what the words of Services mean that a node is no next hop for.
var reasonsInGDC = map[string]string{
	string(gateway.NoEndpointHere):         "externalTrafficPolicy is Local, and no endpoint on this node (or on none that takes traffic) is ready or serving",
	string(gateway.NoGlobalAddress):        "the node has no global address of the address' family",
	string(gateway.NoEndpoints):            "no endpoint of the Service is ready or serving, on any node",
	string(gateway.NoIPAllocated):          "status.loadBalancer.ingress is empty",
	string(gateway.InvalidIP):              "status.loadBalancer.ingress holds something else than an address",
	string(gateway.IPNotAllowed):           "its addresses lie in no pool, or are somebody else's",
	string(gateway.NoNextHop):              "no node that takes traffic has an address of the family",
	string(gateway.NoBGP):                  "the Cluster announces no Services by BGP",
	string(gateway.OtherNodes):             "traffic for Services comes to other nodes",
	string(gateway.NodeExcluded):           "the node has the label that excludes it",
	string(gateway.ConflictingASN):         "MetalLB's part of the node speaks as another AS",
	string(gateway.NodeNotReady):           "the node is not Ready",
	string(gateway.NodeNetworkUnavailable): "the node has no network",
}

func printServiceReasons(w io.Writer, v gateway.NodeAnswer, n *notes) error {
	if len(v.Services) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICES\tREASON\tWHICH")
	for _, reason := range slices.Sorted(maps.Keys(v.Services)) {
		names := v.Services[reason]
		fmt.Fprintf(t, "%d\t%s%s\t%s\n", len(names), reason, n.mark(reasonsInGDC[reason]), some(names))
	}
	return t.Flush()
}
