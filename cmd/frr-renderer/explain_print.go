package main

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

const (
	// pageWidth is where sentences are broken.
	pageWidth = 100
	// cellWidth is what a cell of a table holds; what is longer becomes a note.
	cellWidth = 36
)

// notes are the sentences under a table, each once; cells refer to them by number.
type notes []string

// mark returns the reference to a sentence, with a space before it; nothing for no sentence.
func (n *notes) mark(sentence string) string {
	if sentence == "" {
		return ""
	}
	i := slices.Index(*n, sentence)
	if i == -1 {
		i = len(*n)
		*n = append(*n, sentence)
	}
	return fmt.Sprintf(" [%d]", i+1)
}

// cell returns words as they are when they are short, and a reference otherwise.
func (n *notes) cell(words []string) string {
	whole := strings.Join(words, ", ")
	switch {
	case len(whole) <= cellWidth:
		return dash(whole)
	case len(words) > 1 && len(words[0]) <= cellWidth-4:
		return words[0] + ", ..." + n.mark(whole)
	}
	return "..." + n.mark(whole)
}

func (n notes) print(w io.Writer) {
	if len(n) > 0 {
		fmt.Fprintln(w)
	}
	for i, sentence := range n {
		wrap(w, fmt.Sprintf("[%d] ", i+1), sentence)
	}
}

// wrap prints a sentence after a label, broken at spaces; later lines are indented as far as the label reaches.
func wrap(w io.Writer, label, sentence string) {
	line, indent := label, strings.Repeat(" ", len(label))
	for i, word := range strings.Fields(problem.OneLine(sentence)) {
		if i > 0 && len(line)+1+len(word) > pageWidth {
			fmt.Fprintln(w, line)
			line = indent + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}

// alike are nodes that give the same answer.
type alike struct {
	nodes  []string
	answer translate.ServiceAnswer
}

func (a alike) title() string {
	if whole := strings.Join(a.nodes, ", "); len(a.nodes) == 1 || len(whole) <= cellWidth {
		return whole
	}
	return fmt.Sprintf("%s and %d more", a.nodes[0], len(a.nodes)-1)
}

func (v serviceView) alike() []alike {
	var out []alike
	for _, answer := range v.Nodes {
		node := answer.Node
		answer.Node = ""
		i := slices.IndexFunc(out, func(a alike) bool { return reflect.DeepEqual(a.answer, answer) })
		if i == -1 {
			out, i = append(out, alike{answer: answer}), len(out)
		}
		out[i].nodes = append(out[i].nodes, node)
	}
	return out
}

func (v serviceView) print(w io.Writer) error {
	from := 0
	for i := range v.Nodes {
		if v.Nodes[i].Announced() {
			from++
		}
	}
	title := fmt.Sprintf("Service %s/%s, %s", v.Namespace, v.Name, addresses(v.Addresses))
	if v.Skipped != "" {
		wrap(w, "", title+": announced nowhere")
		wrap(w, string(v.Skipped)+": ", v.Why)
		return nil
	}
	wrap(w, "", fmt.Sprintf("%s: announced from %d of %d nodes", title, from, len(v.Nodes)))
	wrap(w, "", fmt.Sprintf("externalTrafficPolicy %s, IPAddressPool %s", dash(v.ExternalTrafficPolicy), dash(strings.Join(v.pools(), ", "))))
	if v.AnyNode {
		fmt.Fprintln(w, "There is no Node among the objects: the answer is that of a node without labels.")
	}
	fmt.Fprintln(w)

	var n notes
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tPEER\tANNOUNCED\tPREFIX\tWITH\tBY")
	groups := v.alike()
	for _, g := range groups {
		printAnswer(t, g, &n)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	n.print(w)
	printAlike(w, groups)
	if err := printVerdicts(w, groups); err != nil {
		return err
	}
	if len(v.Problems) > 0 {
		fmt.Fprintf(w, "\nProblems (%d)\n", len(v.Problems))
		printProblems(w, v.Problems)
	}
	return nil
}

func addresses(list []string) string {
	if len(list) == 0 {
		return "no address"
	}
	return strings.Join(list, ", ")
}

func (v serviceView) pools() []string {
	var out []string
	for _, n := range v.Nodes {
		if n.Pool != "" && !slices.Contains(out, n.Pool) {
			out = append(out, n.Pool)
		}
	}
	return out
}

// printAnswer prints the rows of nodes that are alike: one a peer and prefix, or one for all peers where the node has one answer for all.
func printAnswer(w io.Writer, g alike, n *notes) {
	if g.answer.Reason != translate.Announced {
		fmt.Fprintf(w, "%s\tall\tno: %s%s\t-\t-\t-\n", g.title(), g.answer.Reason, n.mark(g.answer.Why+others(g.answer.Shared)))
		return
	}
	if len(g.answer.Routes) == 0 {
		fmt.Fprintf(w, "%s\t-\tno: %s%s\t-\t-\t-\n", g.title(), translate.NoPeer, n.mark("there is no BGPPeer; create one"))
	}
	node := g.title()
	for _, r := range g.answer.Routes {
		answer := "yes" + n.mark(r.Why)
		if !r.Announced {
			answer = fmt.Sprintf("no: %s%s", r.Reason, n.mark(r.Why))
		}
		with, by := "-", "-"
		if r.Announced {
			with, by = n.cell(r.Attributes.Words()), n.cell(r.Advertisements)
		}
		shared := ""
		if i := slices.IndexFunc(g.answer.Shared, func(s translate.SharedPrefix) bool { return s.Prefix == r.Prefix }); i != -1 {
			shared = n.mark(fmt.Sprintf("%s also stands for Service %s", r.Prefix, some(g.answer.Shared[i].Services)))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\t%s\t%s\n", node, r.Peer, answer, prefix(r.Prefix), shared, with, by)
		node = ""
	}
}

func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return "-"
	}
	return p.String()
}

// others says that a prefix is announced all the same.
func others(shared []translate.SharedPrefix) string {
	var out strings.Builder
	for _, s := range shared {
		fmt.Fprintf(&out, "; %s is announced all the same, for Service %s", s.Prefix, some(s.Services))
	}
	return out.String()
}

// some names a few of many.
func some(names []string) string {
	const few = 3
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

// printAlike lists the nodes of rows that stand for more than they could name.
func printAlike(w io.Writer, groups []alike) {
	for _, g := range groups {
		if strings.Join(g.nodes, ", ") != g.title() {
			fmt.Fprintln(w)
			wrap(w, g.title()+": ", strings.Join(g.nodes, ", "))
		}
	}
}

// printVerdicts says what each BGPAdvertisement has to do with the Service, by nodes that say the same.
func printVerdicts(w io.Writer, groups []alike) error {
	type same struct {
		nodes    []string
		verdicts []translate.AdvertisementAnswer
	}
	var all []same
	for _, g := range groups {
		if len(g.answer.Advertisements) == 0 {
			continue
		}
		i := slices.IndexFunc(all, func(s same) bool { return reflect.DeepEqual(s.verdicts, g.answer.Advertisements) })
		if i == -1 {
			all, i = append(all, same{verdicts: g.answer.Advertisements}), len(all)
		}
		all[i].nodes = append(all[i].nodes, g.nodes...)
	}
	for _, s := range all {
		slices.Sort(s.nodes)
		where := ""
		if len(all) > 1 {
			where = " on " + alike{nodes: s.nodes}.title()
		}
		fmt.Fprintf(w, "\nBGPAdvertisements%s\n", where)
		var n notes
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, v := range s.verdicts {
			fmt.Fprintf(t, "  %s\t%s%s\n", v.Name, v.Verdict, n.mark(v.Why))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for i, sentence := range n {
			wrap(w, fmt.Sprintf("  [%d] ", i+1), sentence)
		}
	}
	return nil
}

func (v nodeView) print(w io.Writer) error {
	up := 0
	for _, s := range v.Sessions {
		if s.Neighbor != "" {
			up++
		}
	}
	announced, all := len(v.Services[translate.Announced]), 0
	for _, names := range v.Services {
		all += len(names)
	}
	wrap(w, "", fmt.Sprintf("Node %s: sessions to %d of %d BGPPeers, %d of %d Services announced", v.Node, up, len(v.Sessions), announced, all))
	var n notes
	if len(v.Sessions) > 0 {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "PEER\tSESSION\tNEIGHBOR\tVRF\tOUR AS\tAS\tPREFIXES")
		for _, s := range v.Sessions {
			printSession(t, s, &n)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if all > 0 {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SERVICES\tREASON\tWHICH")
		for _, reason := range slices.Sorted(maps.Keys(v.Services)) {
			mark := ""
			if reason != translate.Announced {
				mark = n.mark(reason.Meaning())
			}
			fmt.Fprintf(t, "%d\t%s%s\t%s\n", len(v.Services[reason]), reason, mark, some(v.Services[reason]))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	n.print(w)
	fmt.Fprintf(w, "\nProblems (%d)\n", len(v.Problems))
	printProblems(w, v.Problems)
	return nil
}

func printSession(w io.Writer, s translate.Session, n *notes) {
	if s.Neighbor == "" {
		fmt.Fprintf(w, "%s\tno: %s%s\t-\t-\t-\t-\t-\n", s.Peer, s.Fate, n.mark(s.Why))
		return
	}
	session := "yes"
	if s.Fate != translate.InUse {
		session += ": " + string(s.Fate)
	}
	fmt.Fprintf(w, "%s\t%s%s\t%s\t%s\t%d\t%s\t%d\n", s.Peer, session, n.mark(s.Why), s.Neighbor, dash(s.VRF), s.LocalASN, s.RemoteASN, s.Prefixes)
}
