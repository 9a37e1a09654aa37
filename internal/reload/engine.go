package reload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Engine applies documents to one FRR. It is for one goroutine.
type Engine struct {
	client   vtysh.Client
	now      func() time.Time
	previous string
	whole    bool
	gate     Gate
	// known is what FRR ran when it was last asked and nothing was to do: the next plan starts from it, and is verified afterwards like
	// any other. nil when that is not known.
	known *Running
	// residue is what FRR takes and still prints otherwise: lines of an administrator in another spelling than FRR's, or values that are
	// its defaults. As long as all of it comes again, and FRR prints there what it did, nothing is to do about it.
	residue []Command
	printed string
	texts   reader
	left    map[string]leftOut // by neighbor that is spared
}

// Options say what an engine works on.
type Options struct {
	// Previous is the document that was applied before, from frr.conf; empty when none is known.
	Previous string
	// Whole tells that documents are all of FRR's configuration, every daemon's, as a frr.conf is. Otherwise they are what the product
	// renders, and what others keep in FRR beside it is theirs.
	Whole bool
	// Gate may hold resets back; nil lets all through.
	Gate Gate
	Now  func() time.Time
}

// New returns an engine.
func New(client vtysh.Client, o Options) *Engine {
	return &Engine{client: client, previous: o.Previous, whole: o.Whole, gate: o.Gate, now: o.Now}
}

// Result is what one Apply came to.
type Result struct {
	Started  time.Time     `json:"started,omitzero"`
	Duration time.Duration `json:"duration,omitzero"`
	Digest   string        `json:"digest,omitempty"`
	Version  string        `json:"version,omitempty"`
	// Plan is what was sent first, when anything was: Sent tells that lines went to FRR, also beside an error.
	Plan Plan `json:"plan"`
	Sent bool `json:"sent,omitempty"`
	// Called are commands that had bgpd start sessions at once for which it would have waited, since they had failed before.
	Called []Command `json:"called,omitempty"`
	// Refused are the lines that FRR did not take.
	Refused []Refused `json:"refused,omitempty"`
	// Away says which daemons beside bgpd could not be reached, or are locked by another session; their lines were not sent.
	Away string `json:"away,omitempty"`
	// Remaining is what still differs afterwards; empty when FRR runs the document, but for what is held.
	Remaining Plan `json:"remaining"`
	// Held is what was not sent since it would reset sessions; HeldNeighbors are those sessions.
	Held          Plan     `json:"held,omitzero"`
	HeldNeighbors []string `json:"heldNeighbors,omitempty"`
	// Settled is what was applied in place of the document since something is held, nil when nothing is. It has passwords.
	Settled *render.Document `json:"-"`

	held *config
}

// Ran is the document that was applied: the given one, with what is held as it runs.
func (r Result) Ran(given render.Document) render.Document {
	if r.Settled == nil {
		return given
	}
	return *r.Settled
}

// Verified tells that FRR was asked afterwards, and runs the document.
func (r Result) Verified() bool { return r.Remaining.Empty() && len(r.Refused) == 0 }

// Runs tells whether a daemon runs all of the document that it did not refuse.
func (r Result) Runs(daemon vtysh.Daemon) bool {
	refused := refusedCommands(r.Refused)
	return !slices.ContainsFunc(r.Remaining.Commands, func(c Command) bool {
		return c.Daemon == daemon && !c.Exec && !c.Again && !slices.ContainsFunc(refused, func(o Command) bool { return sameCommand(c, o) })
	})
}

// KeepsOthers tells whether the daemons beside bgpd and bfdd took all that was for them. Only then is the document what they run: it is not
// always compared with what they print.
func (r Result) KeepsOthers() bool {
	others := func(c Command) bool { return c.Daemon != vtysh.BGPD && c.Daemon != vtysh.BFDD }
	return !slices.ContainsFunc(r.Remaining.Commands, others) && !slices.ContainsFunc(refusedCommands(r.Refused), others)
}

// Refused is a line that FRR did not take, and what it said.
type Refused struct {
	Command Command `json:"command"`
	Reply   string  `json:"reply"`
	// Follows: FRR has taken it, and it was taken back along with another one.
	Follows bool `json:"-"`
}

// String prints the refusal without secrets, and of what is long its beginning.
func (r Refused) String() string {
	return fmt.Sprintf("%s: %s", vtysh.Brief(r.Command.Line.String()), vtysh.Brief(strings.TrimSpace(r.Reply)))
}

// passes is how often an apply compares and sends: some lines can only be taken once others are gone.
const passes = 4

// Plan compares the running configuration with a document, and changes nothing.
func (e *Engine) Plan(ctx context.Context, document render.Document) (Plan, error) {
	defer e.texts.turn()
	_, plan, err := e.compare(ctx, e.texts.read(document.Text), false)
	return plan, err
}

// Unchanged tells whether FRR prints, to the byte, what it printed when it was last seen running a document. Texts are compared, and not
// read: this is what looking for drift costs as long as there is none.
func (e *Engine) Unchanged(ctx context.Context) (bool, error) {
	if e.known == nil {
		return false, nil
	}
	now, err := e.running(ctx)
	if err != nil {
		return false, err
	}
	return now.BGPD == e.known.BGPD && now.BFDD == e.known.BFDD && maps.Equal(now.Others, e.known.Others) && now.Version == e.known.Version, nil
}

// Snapshot is the configuration that FRR runs, as a document to come back to.
func (e *Engine) Snapshot(ctx context.Context) (render.Document, error) {
	running, err := e.running(ctx)
	if err != nil {
		return render.Document{}, err
	}
	if e.whole {
		return render.Document{Text: running.merged(), Digest: "snapshot"}, nil
	}
	return render.Document{Text: running.BGPD + "\nend\n" + running.BFDD + "\nend\n" + otherText(e.previous, running), Digest: "snapshot"}, nil
}

// Gate is asked about a plan that resets sessions: it returns those of plan.Resets() that must stay. Empty lets the plan through.
type Gate func(ctx context.Context, plan Plan) (keep []string, err error)

// Apply brings FRR to the document, and asks it afterwards whether it runs it. The error is of the connection; a line that FRR refuses is
// in the Result, and everything that does not depend on it is applied. What the gate keeps is in Result.Held: the plan as a whole where
// documents are whole, otherwise only what concerns those neighbors.
func (e *Engine) Apply(ctx context.Context, document render.Document) (Result, error) {
	started := e.now()
	defer e.texts.turn()
	result, err := e.apply(ctx, e.texts.read(document.Text), Result{Started: started, Digest: document.Digest})
	if err == nil && !e.whole && !result.Held.Empty() {
		settled := result.held.document()
		result.Settled, result.held = &settled, nil
		// What is left after all else was applied is what is held.
		_, result.Held, err = e.compare(ctx, e.texts.read(document.Text), false)
	}
	if err == nil && (result.Held.Empty() || !e.whole) && result.KeepsOthers() {
		e.previous = document.Text
		if len(e.residue) > 0 && e.known != nil && result.Held.Empty() {
			// What was taken away since the document before is no difference to this one.
			running := *e.known
			running.Previous = e.previous
			e.residue = diff(running, e.texts.read(document.Text)).lines()
			e.printed = around(e.residue, running)
		}
	}
	result.Duration = e.now().Sub(result.Started)
	return result, err
}

func (e *Engine) apply(ctx context.Context, document *config, result Result) (Result, error) {
	var sent Plan
	for pass := range passes + 1 {
		last := pass == passes
		running, plan, err := e.compare(ctx, document, pass == 0)
		if err != nil {
			return result, err
		}
		if e.gate != nil && len(plan.Resets()) > 0 && !last {
			keep, err := e.gate(ctx, plan)
			if err != nil {
				return result, err
			}
			if len(keep) > 0 {
				result.Held, result.HeldNeighbors = plan, keep
				if e.whole {
					if pass == 0 {
						result.Plan = plan
					}
					result.Version, result.Remaining = running.Version.String(), Plan{}
					return result, nil
				}
				document = hold(running, document, keep)
				result.held = document
				plan = e.settled(running, diff(running, document))
			}
		}
		result.Version = running.Version.String()
		if pass == 0 {
			result.Plan = plan
		}
		result.Remaining = plan
		if plan.Empty() {
			// What FRR has refused it runs all the same: somebody else was faster. When bgpd is started anew that is who reads frr.conf, and
			// 8.4 takes "neighbor X graceful-restart" only once.
			result.Refused = slices.DeleteFunc(result.Refused, func(r Refused) bool { return !r.Command.Exec })
		}
		if plan.Empty() || pass > 0 && slices.EqualFunc(plan.Commands, refusedCommands(result.Refused), sameCommand) {
			break
		}
		if pass > 0 && len(result.Refused) == 0 && e.nothingMore(plan, sent) && !slices.ContainsFunc(plan.Commands, running.lost) {
			e.residue, result.Remaining = append(e.residue, plan.lines()...), Plan{}
			for _, c := range e.residue {
				if d := c.needs(); d != "" && !slices.Contains(running.daemons(), d) {
					result.Refused = append(result.Refused, Refused{Command: c, Reply: "no " + string(d) + " runs"})
				}
			}
			e.printed = around(e.residue, running)
			e.known = &running
			break
		}
		if last {
			break
		}
		sent, result.Sent = plan, true
		var away error
		result.Refused, away, err = e.send(ctx, plan)
		if errors.Is(err, vtysh.ErrInterrupted) && pass < passes-1 {
			sent = Plan{} // a daemon that was started anew runs something else: the plan is not for it
			continue
		}
		if err != nil {
			return result, err
		}
		result.Called = append(result.Called, e.call(ctx, plan)...)
		if away != nil {
			result.Away = away.Error()
			_, result.Remaining, err = e.compare(ctx, document, false)
			return result, err
		}
	}
	return result, nil
}

// nothingMore tells that a plan is what was sent already: all of it, or what is compared with the document before and not with FRR.
func (e *Engine) nothingMore(plan, sent Plan) bool {
	if slices.EqualFunc(plan.lines(), sent.lines(), sameCommand) {
		return true
	}
	return !e.whole && !slices.ContainsFunc(plan.lines(), func(c Command) bool {
		return c.Daemon == vtysh.BGPD || c.Daemon == vtysh.BFDD || !slices.ContainsFunc(sent.Commands, func(s Command) bool { return sameCommand(s, c) })
	})
}

// compare plans from what FRR runs. At first what is known counts, when that shows a difference; whether it was still so is found out by
// the next comparison.
func (e *Engine) compare(ctx context.Context, document *config, first bool) (Running, Plan, error) {
	if first && e.known != nil {
		running := *e.known
		running.Previous = e.previous
		if plan := e.settled(running, diff(running, document)); !plan.Empty() {
			e.known = nil
			return running, plan, nil
		}
	}
	e.known = nil
	running, err := e.running(ctx)
	if err == nil && running.noBGP != nil && len(document.of("router bgp")) > 0 {
		err = running.noBGP
	}
	if err != nil {
		return running, Plan{}, err
	}
	plan := e.settled(running, diff(running, document))
	if plan.Empty() {
		e.known = &running
	}
	return running, plan, nil
}

// settled takes the residue out of a plan, as long as it is there as a whole and FRR prints the same around it: an FRR that was started
// anew has forgotten it.
func (e *Engine) settled(running Running, plan Plan) Plan {
	if len(e.residue) == 0 {
		return plan
	}
	rest, whole := plan.without(e.residue)
	if !whole || around(e.residue, running) != e.printed {
		e.residue = nil
		return plan
	}
	return rest
}

// around is what FRR prints in the places of some commands: their blocks, or the lines at the top that begin alike.
func around(commands []Command, running Running) string {
	bgp, bfd := parse(running.BGPD), parse(running.BFDD)
	var out strings.Builder
	for _, c := range commands {
		from := bgp
		if c.Daemon == vtysh.BFDD {
			from = bfd
		}
		if len(c.Context) > 0 {
			context := make([]string, len(c.Context))
			for i, l := range c.Context {
				context[i] = l.Reveal()
			}
			fmt.Fprintln(&out, from.get(context...).lines)
			continue
		}
		words := strings.Fields(strings.TrimPrefix(c.Line.Reveal(), "no "))
		like := strings.Join(words[:min(3, len(words))], " ")
		for _, l := range from.top {
			if strings.HasPrefix(l, like) {
				fmt.Fprintln(&out, l)
			}
		}
	}
	return out.String()
}

func refusedCommands(list []Refused) []Command {
	out := make([]Command, len(list))
	for i, r := range list {
		out[i] = r.Command
	}
	return out
}

func sameCommand(a, b Command) bool {
	return a.Daemon == b.Daemon && a.Line == b.Line && slices.Equal(a.Context, b.Context)
}

// send runs the commands in order: neighbouring ones for one place of one daemon go together. One that completes something is sent when all
// that belongs to it was taken.
func (e *Engine) send(ctx context.Context, plan Plan) (refused []Refused, away, err error) {
	broken := map[string]bool{} // of what FRR refused a line
	if !e.whole {
		// Routes need no daemon but bgpd, and wait for no lock.
		plan.Commands = slices.Clone(plan.Commands)
		slices.SortStableFunc(plan.Commands, func(a, b Command) int { return cmp.Compare(a.patience(), b.patience()) })
	}
	for i := 0; i < len(plan.Commands); {
		first := plan.Commands[i]
		if first.Completes && broken[first.Of] {
			refused = append(refused, Refused{Command: first, Reply: "not sent, since FRR refuses another line of it"})
			i++
			continue
		}
		if first.Exec {
			if _, err := e.client.Run(ctx, first.Daemon, first.Line.Reveal()); err != nil {
				if ctx.Err() != nil || errors.Is(err, vtysh.ErrNotRunning) {
					return refused, away, err
				}
				refused = append(refused, Refused{Command: first, Reply: err.Error()})
			}
			i++
			continue
		}
		if first.Calls {
			said, n, err := e.callWith(ctx, plan.Commands[i:], broken)
			if err != nil {
				return refused, away, err
			}
			refused, i = append(refused, said...), i+n
			continue
		}
		batch, within := i, map[string]bool{}
		var blocks []vtysh.Block
		for ; batch < len(plan.Commands); batch++ {
			c := plan.Commands[batch]
			slow := c.Filter && !c.Bulk && c.Daemon == vtysh.All && batch-i == slowLists
			waits := c.Completes && (within[c.Of] || broken[c.Of])
			if c.Exec || c.Calls || c.Daemon != first.Daemon || c.Filter != first.Filter || c.Bulk != first.Bulk || slow || waits {
				break
			}
			within[c.Of] = true
			if n := len(blocks); n == 0 || !slices.Equal(blocks[n-1].Context, c.Context) {
				blocks = append(blocks, vtysh.Block{Context: c.Context, Bulk: c.Bulk})
			}
			last := &blocks[len(blocks)-1]
			last.Lines = append(last.Lines, c.Line)
		}
		replies, err := e.client.Configure(ctx, first.Daemon, blocks)
		switch {
		case err == nil:
		case first.Daemon == vtysh.BGPD, first.Daemon == vtysh.All && e.whole, ctx.Err() != nil, errors.Is(err, vtysh.ErrInterrupted):
			return refused, away, err
		default:
			away = errors.Join(away, err)
			i = batch
			continue
		}
		for j, r := range replies {
			if r.Refused() {
				refused = append(refused, Refused{Command: plan.Commands[i+j], Reply: r.Text})
				if of := plan.Commands[i+j].Of; of != "" {
					broken[of] = true
				}
			}
		}
		i = batch
	}
	refused, err = e.takeOut(ctx, plan, refused)
	return refused, away, err
}

// lost tells that a command is a static route to where FRR prints none, although it took it: when the machine is busy, the mgmtd of 10.3
// sometimes drops one without a word.
func (r Running) lost(c Command) bool {
	words := strings.Fields(c.Line.Reveal())
	if len(words) < 3 || words[1] != "route" {
		return false
	}
	for _, text := range r.Others {
		if strings.Contains(text, strings.Join(words[:3], " ")+" ") {
			return false
		}
	}
	return true
}

// patience is 1 for commands to daemons that others may keep locked.
func (c Command) patience() int {
	if c.Daemon == vtysh.BGPD || c.Daemon == vtysh.BFDD {
		return 0
	}
	return 1
}

// running asks the daemons what they run. A bfdd that is not there runs nothing.
func (e *Engine) running(ctx context.Context) (Running, error) {
	r := Running{Previous: e.previous, Whole: e.whole, Others: map[vtysh.Daemon]string{}, texts: &e.texts}
	var err error
	const show = "show running-config"
	r.Version, err = vtysh.ReadVersion(ctx, e.client, vtysh.BGPD)
	if errors.Is(err, vtysh.ErrNotRunning) && e.whole {
		// A whole configuration may have no BGP; zebra always runs.
		r.noBGP = err
		if r.Version, err = vtysh.ReadVersion(ctx, e.client, vtysh.Zebra); errors.Is(err, vtysh.ErrNotRunning) {
			return r, r.noBGP
		}
	}
	if err != nil {
		return r, err
	}
	if r.noBGP == nil {
		if r.BGPD, err = e.client.Run(ctx, vtysh.BGPD, show); err != nil {
			return r, err
		}
		if r.BGPD, err = withTimers(ctx, e.client, r.BGPD); err != nil {
			return r, err
		}
	}
	if r.BFDD, err = e.client.Run(ctx, vtysh.BFDD, show); err != nil && !errors.Is(err, vtysh.ErrNotRunning) {
		return r, err
	}
	others, err := e.others(ctx)
	if err != nil {
		return r, err
	}
	for _, d := range others {
		text, err := e.client.Run(ctx, d, show)
		switch {
		case err == nil:
			r.Others[d] = text
			if d == vtysh.Zebra && e.whole {
				r.addresses = readAddresses(ctx, e.client)
			}
			if d == vtysh.Zebra {
				r.RouterIDs = r.addresses.routerIDs()
				maps.Copy(r.RouterIDs, e.routerIDs(ctx, r.BGPD))
			}
		case !errors.Is(err, vtysh.ErrNotRunning):
			return r, err
		}
	}
	return r, nil
}

// routerIDs asks zebra for the router IDs of the default VRF and of those with instances, which those have that are given none. Without an
// answer plans promise a reset that may not come.
func (e *Engine) routerIDs(ctx context.Context, bgp string) map[string]string {
	out, vrfs := map[string]string{}, []string{""}
	list, _ := instances(e.texts.read(bgp))
	for _, in := range list {
		if vrf, is := strings.CutPrefix(in.vrf, "vrf "); is { // a view has that of the default VRF
			vrfs = append(vrfs, vrf)
		}
	}
	for _, vrf := range vrfs {
		question := "show ip router-id"
		if vrf != "" {
			question += " vrf " + vrf
		}
		text, err := e.client.Run(ctx, vtysh.Zebra, question)
		if words := strings.Fields(text); err == nil && len(words) == 2 {
			out[vrf] = words[1]
		}
	}
	return out
}

// others are the daemons that run beside bgpd and bfdd.
func (e *Engine) others(ctx context.Context) ([]vtysh.Daemon, error) {
	all, err := e.client.Daemons(ctx)
	return slices.DeleteFunc(all, func(d vtysh.Daemon) bool { return d == vtysh.BGPD || d == vtysh.BFDD || d == "watchfrr" }), err
}

// needs is the daemon that a line of a protocol is for, where only one takes it; empty for others.
func (c Command) needs() vtysh.Daemon {
	words := strings.Fields(strings.TrimPrefix(c.Line.Reveal(), "no "))
	if len(c.Context) > 0 {
		words = append(strings.Fields(c.Context[0].Reveal()), words...)
	}
	if len(words) > 3 && words[0] == "interface" && (words[2] == "ip" || words[2] == "ipv6") {
		return map[string]vtysh.Daemon{"ospf": "ospfd", "ospf6": "ospf6d", "rip": "ripd", "ripng": "ripngd", "eigrp": "eigrpd", "pim": "pimd", "igmp": "pimd"}[words[3]]
	}
	if len(words) > 1 && (words[0] == "router" || words[0] == "mpls") {
		return map[string]vtysh.Daemon{
			"ospf": "ospfd", "ospf6": "ospf6d", "isis": "isisd", "rip": "ripd", "ripng": "ripngd", "eigrp": "eigrpd", "babel": "babeld",
			"openfabric": "fabricd", "ldp": "ldpd", "bgp": vtysh.BGPD,
		}[words[1]]
	}
	if words[0] == "pbr-map" {
		return "pbrd"
	}
	return ""
}

// Residue is what FRR takes and does not print as it was sent: lines in a spelling that this program does not know yet.
func (e *Engine) Residue() []Command { return e.residue }
