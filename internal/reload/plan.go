package reload

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Effect is what a command does to sessions and routes.
type Effect string

const (
	// None: nothing that was announced or established changes, but for the very line.
	None Effect = "none"
	// Soft: routes are evaluated again and sent where they differ; no session is reset.
	Soft Effect = "soft"
	// Deferred: it takes effect when the session is established next.
	Deferred Effect = "deferred"
	// Reset: sessions go down and come up again.
	Reset Effect = "reset"
)

var weight = map[Effect]int{None: 0, Soft: 1, Deferred: 2, Reset: 3}

// Command is one line of a plan, and where it goes.
type Command struct {
	Daemon  vtysh.Daemon `json:"daemon"`
	Context []vtysh.Line `json:"context,omitempty"`
	Line    vtysh.Line   `json:"line"`
	// Exec marks a command outside configuration, such as "clear bgp ... soft out".
	Exec   bool   `json:"exec,omitempty"`
	Effect Effect `json:"effect"`
	// Neighbors whose sessions are reset, or for whom the line waits for their next session, as "10.0.0.1" or "10.0.0.1 vrf red".
	Neighbors []string `json:"neighbors,omitempty"`
	// Note says more, for instance that the line is not one that this program knows.
	Note string `json:"note,omitempty"`
	// Filter marks a line of a list or a route-map, Bulk one that FRR commits together with its neighbours.
	Filter bool `json:"-"`
	Bulk   bool `json:"-"`
	// AtOnce marks a line of an entry that comes into a route-map in use. FRR makes the entry before it takes the first of its conditions, and every route
	// meets it until then. Committed line by line it would take the routes of all entries behind it, and nobody would look at them again.
	AtOnce bool `json:"-"`
	// Of is the neighbor or the entry of a route-map that a line belongs to. A line that Completes it, which puts a neighbor to work or has
	// an entry permit, is not sent when FRR has refused another one.
	Of        string `json:"-"`
	Completes bool   `json:"-"`
	// Calls marks the line that has bgpd call a new neighbor at once; its families, which follow, go along in one message.
	Calls bool `json:"-"`
	// Again marks a line that runs already, and is sent to be evaluated.
	Again bool `json:"-"`
}

// String is the command as a person reads it, without secrets.
func (c Command) String() string {
	var b strings.Builder
	daemon := string(c.Daemon)
	if c.Daemon == vtysh.All {
		daemon = "vtysh"
	}
	fmt.Fprintf(&b, "%-8s %-5s ", c.Effect, daemon)
	for _, l := range c.Context {
		fmt.Fprintf(&b, "%s / ", vtysh.Printable(l.String()))
	}
	b.WriteString(vtysh.Printable(c.Line.String()))
	if c.Effect == Reset && len(c.Neighbors) > 0 {
		fmt.Fprintf(&b, "  (resets %s)", strings.Join(c.Neighbors, ", "))
	}
	if c.Note != "" {
		fmt.Fprintf(&b, "  (%s)", c.Note)
	}
	return b.String()
}

// Plan is what brings FRR from one configuration to another, in order.
type Plan struct {
	Commands []Command `json:"commands"`
}

// MarshalJSON implements json.Marshaler: no commands are an empty list.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	p.Commands = append([]Command{}, p.Commands...)
	return json.Marshal(plain(p))
}

// Empty tells that FRR runs what is wanted.
func (p Plan) Empty() bool { return len(p.Commands) == 0 }

// without returns the plan less commands that are all among its own, and whether they are. What only makes them effective goes with them.
func (p Plan) without(commands []Command) (Plan, bool) {
	rest := slices.Clone(p.Commands)
	for _, c := range commands {
		i := slices.IndexFunc(rest, func(o Command) bool { return sameCommand(c, o) })
		if i < 0 {
			return p, false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if !slices.ContainsFunc(rest, func(c Command) bool { return !c.Exec && !c.Again }) {
		rest = nil
	}
	return Plan{rest}, true
}

// lines are the commands of a plan that are configuration.
func (p Plan) lines() []Command {
	return slices.DeleteFunc(slices.Clone(p.Commands), func(c Command) bool { return c.Exec || c.Again })
}

// Effect is the strongest effect of any command.
func (p Plan) Effect() Effect {
	out := None
	for _, c := range p.Commands {
		if weight[c.Effect] > weight[out] {
			out = c.Effect
		}
	}
	return out
}

// Resets lists the neighbors whose sessions the plan resets, sorted, each once.
func (p Plan) Resets() []string {
	var out []string
	for _, c := range p.Commands {
		if c.Effect == Reset {
			out = append(out, c.Neighbors...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Digest names the plan: the same commands in the same order, and no other, have it. 24 hexadecimal digits; empty for an empty plan. It
// tells nothing of the passwords within: they go through PBKDF2 (RFC 8018).
func (p Plan) Digest() string {
	if p.Empty() {
		return ""
	}
	sum := sha256.New()
	line := func(l vtysh.Line) {
		fmt.Fprintf(sum, "%s\n", l)
		if l.String() != l.Reveal() {
			if key, err := pbkdf2.Key(sha256.New, l.Reveal(), []byte("frr-renderer plan"), 200_000, 16); err == nil {
				sum.Write(key)
			}
		}
	}
	for _, c := range p.Commands {
		fmt.Fprintf(sum, "%s %t\n", c.Daemon, c.Exec)
		for _, l := range c.Context {
			line(l)
		}
		line(c.Line)
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// String prints a command a line, without secrets.
func (p Plan) String() string {
	var b strings.Builder
	for _, c := range p.Commands {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

// builder collects the commands of a plan.
type builder struct {
	version vtysh.Version
	// filters is who takes lists and route-maps: bgpd, or every daemon that knows them.
	filters vtysh.Daemon
	// routerIDs are zebra's, by VRF.
	routerIDs map[string]string
	commands  []Command
	// last are those that complete what commands begin.
	last []Command
}

// add appends a command. Its words are copies: plans are kept to be shown, and a part of a text would keep all of the text.
func (b *builder) add(c Command) {
	c.Line = vtysh.Line(strings.Clone(string(c.Line)))
	for i, n := range c.Neighbors {
		c.Neighbors[i] = strings.Clone(n)
	}
	b.commands = append(b.commands, c)
}

// bulkFrom is how many filter lines for one daemon are a transaction: alone they cost milliseconds each, and more the more there are.
// bulkAnyway is when that outweighs that bgpd holds neighbors back which are created while its delay timer runs after a transaction, three
// seconds longer than otherwise. What is AtOnce is a transaction however short it is.
const bulkFrom, bulkAnyway = 8, 500

// slowLists is how many new entries of lists go to vtysh at once before 9.0, which looks for each through its whole list twice, and answers
// nobody as long as it commits: 5,000 take minutes.
const slowLists = 100

// markBulk marks the lines that go as transactions. vtysh makes transactions anyway.
func (b *builder) markBulk(delays bool) {
	from := bulkFrom
	if delays && slices.ContainsFunc(b.commands, Command.makesNeighbor) {
		from = bulkAnyway
	}
	slow := !b.version.AtLeast(9, 0)
	count, atOnce := map[vtysh.Daemon]int{}, map[vtysh.Daemon]bool{}
	for i, c := range b.commands {
		b.commands[i].Bulk = c.northbound() && !(slow && len(c.Context) == 0 && isFilter(c.Line.Reveal()))
		if b.commands[i].Bulk {
			count[c.Daemon]++
			atOnce[c.Daemon] = atOnce[c.Daemon] || c.AtOnce
		}
	}
	for i, c := range b.commands {
		b.commands[i].Bulk = c.Bulk && (count[c.Daemon] >= from || atOnce[c.Daemon] || c.Daemon == vtysh.All)
	}
}

// northbound tells that FRR commits the line.
func (c Command) northbound() bool {
	line := strings.TrimPrefix(c.Line.Reveal(), "no ")
	if len(c.Context) > 0 {
		line = c.Context[0].Reveal()
	}
	return c.Filter && (strings.HasPrefix(line, "route-map ") || isFilter(line) && !strings.HasPrefix(line, "bgp "))
}

func (c Command) makesNeighbor() bool {
	_, makes := definesNeighbor(c.Line.Reveal())
	return makes
}

// lines makes context lines of plain ones.
func lines(context []string) []vtysh.Line {
	out := make([]vtysh.Line, len(context))
	for i, l := range context {
		out[i] = vtysh.Line(l)
	}
	return out
}

// negated is the line that takes a line back.
func negated(line string) string {
	if rest, ok := strings.CutPrefix(line, "no "); ok {
		return rest
	}
	return "no " + line
}

// difference compares the settings of a block: lines to add or replace in place, and lines to take back, each in the order of its side.
// key is what a line is a value of: of two lines with one key, the later replaces the earlier.
func difference(running, wanted []string, key func(string) string) (put, drop []string) {
	begin, end := commonEnds(running, wanted)
	old, want := running[begin:len(running)-end], wanted[begin:len(wanted)-end]
	if len(old)+len(want) == 0 {
		return nil, nil
	}
	keys := make(map[string]bool, len(want)+len(old))
	for _, l := range slices.Concat(old, want) {
		keys[key(l)] = true
	}
	outside := func(l string) bool { return keys[key(l)] }
	if slices.ContainsFunc(wanted[:begin], outside) || slices.ContainsFunc(wanted[len(wanted)-end:], outside) {
		old, want = running, wanted // one key twice in a block
	}
	now := make(map[string]string, len(old))
	for _, l := range old {
		now[key(l)] = l
	}
	last := make(map[string]string, len(want))
	for _, l := range want {
		last[key(l)] = l
	}
	for _, l := range want {
		if k := key(l); now[k] != l && last[k] == l {
			put = append(put, l)
			now[k] = l
		}
	}
	for _, l := range old {
		if last[key(l)] == "" {
			drop = append(drop, l)
		}
	}
	return put, drop
}

// commonEnds counts the lines that two lists begin and end with alike: nearly all, after one change in a large block.
func commonEnds(a, b []string) (begin, end int) {
	n := min(len(a), len(b))
	for begin < n && a[begin] == b[begin] {
		begin++
	}
	for end < n-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return begin, end
}
