package main

import (
	"fmt"
	"io"
	"maps"
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
	// cellWidth is what a cell of a table holds; what is longer becomes a note. titleWidth is the same for names of nodes.
	cellWidth, titleWidth = 30, 20
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
		return words[0] + " +" + n.mark(whole)
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

// alike are nodes with the same rows.
type alike struct {
	nodes  []string
	answer translate.ServiceAnswer // of the first; Shared is that of any of them
}

func (a alike) title() string {
	if whole := strings.Join(a.nodes, ", "); len(a.nodes) == 1 || len(whole) <= titleWidth {
		return whole
	}
	return fmt.Sprintf("%s and %d more", a.nodes[0], len(a.nodes)-1)
}

// same tells whether two nodes have the same rows. Which other Services share a prefix differs from node to node, and does not count.
func same(a, b translate.ServiceAnswer) bool {
	if a.Reason != b.Reason || a.Why != b.Why {
		return false
	}
	if a.Reason == translate.Announced {
		return reflect.DeepEqual(a.Routes, b.Routes)
	}
	return slices.EqualFunc(a.Shared, b.Shared, func(a, b translate.SharedPrefix) bool { return a.Prefix == b.Prefix })
}

func (v serviceView) alike() []alike {
	var out []alike
	for _, answer := range v.Nodes {
		i := slices.IndexFunc(out, func(a alike) bool { return same(a.answer, answer) })
		if i == -1 {
			out = append(out, alike{[]string{answer.Node}, answer})
			continue
		}
		out[i].nodes = append(out[i].nodes, answer.Node)
		out[i].answer.Shared = unite(out[i].answer.Shared, answer.Shared)
	}
	// Rows that end early would break the columns of those between.
	slices.SortStableFunc(out, func(a, b alike) int { return early(a) - early(b) })
	return out
}

func early(a alike) int {
	if a.answer.Reason == translate.Announced {
		return 0
	}
	return 1
}

// unite merges two lists of shared prefixes.
func unite(a, b []translate.SharedPrefix) []translate.SharedPrefix {
	out := slices.Clone(a)
	for _, s := range b {
		i := slices.IndexFunc(out, func(o translate.SharedPrefix) bool { return o.Prefix == s.Prefix })
		if i == -1 {
			out = append(out, s)
			continue
		}
		all := slices.Concat(out[i].Services, s.Services)
		slices.Sort(all)
		out[i].Services = slices.Compact(all)
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
	var told notes
	if v.gdcAlone {
		wrap(w, "", fmt.Sprintf("%s: %s", title, toldInGDC(*v.GDC)))
		wrap(w, "", "externalTrafficPolicy "+dash(v.ExternalTrafficPolicy))
	} else {
		wrap(w, "", fmt.Sprintf("%s: announced from %d of %d nodes", title, from, len(v.Nodes)))
		wrap(w, "", fmt.Sprintf("externalTrafficPolicy %s, IPAddressPool %s", dash(v.ExternalTrafficPolicy), dash(strings.Join(v.pools(), ", "))))
		more, err := v.printMetalLB(w)
		if err != nil {
			return err
		}
		told = more
		if v.GDC != nil {
			fmt.Fprintln(w)
			wrap(w, "", "GDC mode: "+toldInGDC(*v.GDC))
		}
	}
	if v.GDC != nil {
		more, err := printServiceInGDC(w, *v.GDC)
		if err != nil {
			return err
		}
		told = append(told, more...)
	}
	if problems := untold(v.Problems, told); len(problems) > 0 {
		fmt.Fprintf(w, "\nOther problems (%d)\n", len(problems))
		printProblems(w, problems)
	}
	return nil
}

// printMetalLB prints what MetalLB's objects come to, node by peer. It returns its sentences.
func (v serviceView) printMetalLB(w io.Writer) (notes, error) {
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
		return nil, err
	}
	n.print(w)
	printAlike(w, groups)
	more, err := v.printVerdicts(w)
	return append(n, more...), err
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
		fmt.Fprintf(w, "%s\tall\tno: %s%s\n", g.title(), g.answer.Reason, n.mark(g.answer.Why+others(g.answer.Shared)))
		return
	}
	if len(g.answer.Routes) == 0 {
		fmt.Fprintf(w, "%s\t-\tno: %s%s\n", g.title(), translate.NoPeer, n.mark("there is no BGPPeer; create one"))
	}
	node := g.title()
	for _, r := range rows(g.answer.Routes) {
		answer, with, by := "yes"+n.mark(r.Why), n.cell(r.Attributes.Words()), n.cell(r.Advertisements)
		if !r.Announced {
			answer, with, by = fmt.Sprintf("no: %s%s", r.Reason, n.mark(r.Why)), "-", "-"
		}
		prefixes := first(r.prefixes)
		i := slices.IndexFunc(g.answer.Shared, func(s translate.SharedPrefix) bool { return s.Prefix == r.Prefix })
		if i != -1 && r.Announced {
			prefixes += n.mark(fmt.Sprintf("%s also stands for Service %s", r.Prefix, some(g.answer.Shared[i].Services)))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", node, r.Peer, answer, prefixes, with, by)
		node = ""
	}
}

// first names the first of several.
func first(names []string) string {
	switch len(names) {
	case 0:
		return "-"
	case 1:
		return names[0]
	}
	return fmt.Sprintf("%s, %d more", names[0], len(names)-1)
}

// row is a route, or several of one peer that have the same reason not to be announced.
type row struct {
	translate.Route
	prefixes []string
}

func rows(routes []translate.Route) []row {
	var out []row
	for _, r := range routes {
		i := slices.IndexFunc(out, func(o row) bool {
			return !r.Announced && o.Peer == r.Peer && o.Reason == r.Reason && o.Why == r.Why
		})
		if i == -1 {
			out, i = append(out, row{Route: r}), len(out)
		}
		if r.Prefix.IsValid() {
			out[i].prefixes = append(out[i].prefixes, r.Prefix.String())
		}
	}
	return out
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

// printVerdicts says what each BGPAdvertisement has to do with the Service, by nodes that say the same. It returns its sentences.
func (v serviceView) printVerdicts(w io.Writer) (notes, error) {
	var groups []alike
	for _, answer := range v.Nodes {
		i := slices.IndexFunc(groups, func(g alike) bool { return reflect.DeepEqual(g.answer.Advertisements, answer.Advertisements) })
		if i == -1 {
			groups, i = append(groups, alike{answer: answer}), len(groups)
		}
		groups[i].nodes = append(groups[i].nodes, answer.Node)
	}
	var all notes
	for _, g := range groups {
		if len(g.answer.Advertisements) == 0 {
			continue
		}
		where := ""
		if len(groups) > 1 {
			where = " on " + g.title()
			if len(g.nodes) <= 8 {
				where = " on " + strings.Join(g.nodes, ", ")
			}
		}
		fmt.Fprintln(w)
		wrap(w, "", "BGPAdvertisements"+where)
		var n notes
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range g.answer.Advertisements {
			fmt.Fprintf(t, "  %s\t%s%s\n", a.Name, a.Verdict, n.mark(a.Why))
		}
		if err := t.Flush(); err != nil {
			return nil, err
		}
		for i, sentence := range n {
			wrap(w, fmt.Sprintf("  [%d] ", i+1), sentence)
		}
		all = append(all, n...)
	}
	return all, nil
}

// untold are the problems that no sentence holds.
func untold(problems []problem.Problem, told notes) []problem.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p problem.Problem) bool {
		return slices.ContainsFunc(told, func(sentence string) bool { return strings.Contains(sentence, p.Message) })
	})
}

func (v nodeView) print(w io.Writer) error {
	if !v.gdcAlone {
		if err := v.printMetalLB(w); err != nil {
			return err
		}
	}
	if v.GDC != nil {
		if !v.gdcAlone {
			fmt.Fprintln(w)
		}
		if err := printNodeInGDC(w, *v.GDC); err != nil {
			return err
		}
	}
	if v.noNode {
		wrap(w, "", fmt.Sprintf("Node %s in GDC mode: there is no Node object, and what a node does depends on those of all nodes; add them", v.Node))
	}
	fmt.Fprintf(w, "\nProblems (%d)\n", len(v.Problems))
	printProblems(w, v.Problems)
	return nil
}

// printMetalLB prints what MetalLB's objects come to.
func (v nodeView) printMetalLB(w io.Writer) error {
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
	return nil
}

func printSession(w io.Writer, s translate.Session, n *notes) {
	if s.Neighbor == "" {
		fmt.Fprintf(w, "%s\tno: %s%s\t-\t-\t-\t-\t-\n", s.Peer, s.Fate, n.mark(s.Why))
		return
	}
	session := "yes"
	if s.Draining {
		session += ", drained"
	}
	if s.Fate != translate.InUse {
		session += ": " + string(s.Fate)
	}
	fmt.Fprintf(w, "%s\t%s%s\t%s\t%s\t%d\t%s\t%d\n", s.Peer, session, n.mark(s.Why), s.Neighbor, dash(s.VRF), s.LocalASN, s.RemoteASN, s.Prefixes)
}
