package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/role"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// SyntaxChecker is FRR's own parser.
type SyntaxChecker interface {
	// CheckSyntax returns a *vtysh.SyntaxError when the parser refuses the text.
	CheckSyntax(ctx context.Context, text string) error
}

// Announcer tells people what is held back, and what becomes of it. Its methods return at once.
type Announcer interface {
	// Held tells of a plan that is held, in place of any before.
	Held(plan status.Held)
	// LetThrough and Gone tell that nothing is held any more: the plan was allowed, or is not needed any more.
	LetThrough(plan status.Held)
	Gone(plan status.Held)
}

// Config says what one agent works on.
type Config struct {
	Node      string
	Options   snapshot.Options
	FRRConf   string // reload.NoFile writes none
	StateFile string // of the last good objects; reload.NoFile keeps none
	Templates string // directory of overlays; empty: none

	Client  vtysh.Client
	Checker SyntaxChecker
	// Fingerprint changes when FRR was restarted.
	Fingerprint func() string
	Log         *slog.Logger
	Now         func() time.Time
	Announcer   Announcer // nil: nobody is told
	Reporter    Reporter  // nil: nobody is told
	Gateway     Gateway   // nil: the node is in no GDC mode

	// DriftInterval is how often FRR is asked whether it still runs what it should; DriftReport tells only, and repairs nothing.
	DriftInterval time.Duration
	// Timeout is how long FRR may take for all of one turn; 0: two minutes.
	Timeout     time.Duration
	DriftReport bool

	// RefuseResets holds back what would reset Established sessions, until the node's annotation AllowResets names its digest.
	RefuseResets bool
	// Confirm is how long an apply may take to have every session back that was Established before; then it is rolled back. 0: never.
	Confirm time.Duration
}

// loggedLines of one apply are logged; a bulk load is told by its number, and line by line at level debug.
const loggedLines = 50

// errSlow ends a turn.
var errSlow = errors.New("FRR does not answer in time")

const (
	defaultTimeout = 2 * time.Minute
	// forgiveAfter is how long a form of an object that FRR refused is not tried again.
	forgiveAfter    = 10 * time.Minute
	restartInterval = time.Second
	// restartLooks is how often FRR is asked again after a restart, after 1, 2, 4 and 8 seconds: "vtysh -b" may still be giving it an old frr.conf.
	restartLooks = 4
	retryFirst   = 500 * time.Millisecond
	retryMost    = 30 * time.Second
)

// Agent brings one FRR to what the objects of one node ask for.
type Agent struct {
	Config
	engine   *reload.Engine
	renderer *render.Renderer
	// candidate is a renderer with templates that have not proven themselves; overlaid tells that renderer has such as have.
	candidate *render.Renderer
	overlaid  bool
	lastGood  translate.LastGood
	kept      []byte    // what lies in StateFile
	refusedAt time.Time // when FRR refused a form of an object last
	status    *Board

	objects  *source.Result
	overlay  []problem.Problem // what is wrong with the templates
	checked  map[string]string // extras text -> what FRR's parser said
	accepted string            // digest of the last document with overlays that FRR's parser took
	good     *render.Document  // the last document that was rendered and could be used
	ran      *render.Document  // what FRR ran of it, without what is held or rolled back
	still    bool              // the last turn left FRR with what the objects ask for
	resting  bool              // memory was given back; see rest
	looking  bool              // the turn looks for what somebody has changed by hand
	drift    string            // what was found of that last, and left
	file     fs.FileInfo       // frr.conf as it was written last
	logged   []problem.Problem
	lasting  []problem.Problem // stay until the next apply
	part     role.Part         // of the node in GDC mode, this turn

	allowance allowance
	guard     guard
	late      late
	reporting reporting
}

// New reads what an earlier run has left beside frr.conf.
func New(config Config, board *Board) (*Agent, error) {
	a := &Agent{Config: config, status: board, checked: map[string]string{}}
	if a.Announcer == nil {
		a.Announcer = silence{}
	}
	if a.Reporter == nil {
		a.Reporter = unseen{}
	}
	if a.Gateway == nil {
		a.Gateway = notGateway{}
	}
	reload.Sweep(config.FRRConf)
	reload.Sweep(config.StateFile)
	previous := ""
	if config.FRRConf != reload.NoFile {
		data, err := os.ReadFile(config.FRRConf)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the configuration of the last run: %w", err)
		}
		previous = string(data)
	}
	previous = a.late.resume(previous)
	board.expects(render.Document{Text: previous})
	a.engine = reload.New(config.Client, reload.Options{Previous: previous, Now: config.Now, Gate: a.gate})
	if config.StateFile != reload.NoFile {
		data, err := os.ReadFile(config.StateFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read the last good objects: %w", err)
		default:
			a.kept = data
			if a.lastGood, err = translate.DecodeLastGood(data); err != nil {
				config.Log.Warn("the last good objects can't be used; objects that are invalid now are left out", "file", config.StateFile, "error", err)
			}
		}
	}
	a.guard.resume(a, previous)
	a.loadTemplates()
	return a, nil
}

// errNoObjects holds an apply back: an empty directory is more likely a mount that is not there yet than a wish to lose every session.
var errNoObjects = errors.New("there is no object at all; FRR keeps what it has (to empty it on purpose, keep a Node object)")

// Run works until ctx ends: each value of objects replaces the one before, templates tells that the overlay changed. What is applied stays
// when Run ends.
func (a *Agent) Run(ctx context.Context, objects <-chan source.Result, templates <-chan struct{}) {
	l := a.newLoop()
	defer l.end()
	for {
		force, drifted := false, false
		select {
		case <-ctx.Done():
			return
		case o := <-objects:
			a.objects = &o
			a.status.metrics.Updated()
		case <-templates:
			a.loadTemplates()
		case <-a.Gateway.Changed():
		case <-l.drift.C:
			if !a.forgives() && a.quiet(ctx) {
				continue
			}
			force, drifted = true, true
		case <-a.guard.expired():
			if !l.restarted(a) {
				a.confirm(ctx)
			}
			force = true
		case <-a.late.ticks():
			if !a.late.due(ctx, a) {
				continue
			}
			force = true
		case <-l.retry.C:
			force = true
		case <-l.restart.C:
			if !l.restarted(a) {
				continue
			}
			force = true
		}
		if a.objects == nil || !a.Gateway.Ready() {
			continue // never before everything is known: an End-of-RIB would come before the routes
		}
		a.looking = drifted && a.fingerprint() == l.running
		err := a.turn(ctx, force, drifted && a.DriftReport)
		switch {
		case err == nil:
			l.succeeded()
		case ctx.Err() != nil:
			return
		default:
			l.failed(ctx, a, err)
		}
	}
}

func (a *Agent) fingerprint() string {
	if a.Fingerprint == nil {
		return ""
	}
	return a.Fingerprint()
}

// turn brings FRR to the objects as they are now. force asks FRR even when the document is the one that was applied last; look tells only
// what differs then. An object of which FRR refuses a line is left out, or keeps its last good form, and the turn begins anew.
func (a *Agent) turn(ctx context.Context, force, look bool) error {
	a.still = false
	a.wake()
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(a.Timeout, defaultTimeout), errSlow)
	defer cancel()
	for {
		again, err := a.attempt(ctx, force, look)
		if err != nil || !again {
			return err
		}
		force = true
	}
}

// target is what one way through a turn is to bring FRR to.
type target struct {
	snap     *snapshot.Snapshot
	result   translate.Result
	problems []problem.Problem
	// wanted is the document of the objects, or the last one that could be rendered; document is what FRR is to run of it now.
	wanted, document render.Document
	// announcements are what FRR announces with it.
	announcements []translate.Announcement
	// current tells that the document is all that the objects ask for now.
	current bool
}

// attempt is one way through a turn. again tells that an object was found to blame for what FRR refused: without it, the rest can be applied.
func (a *Agent) attempt(ctx context.Context, force, look bool) (again bool, err error) {
	if a.objects.Objects.Empty() {
		a.keepsWithoutObjects()
		return false, nil
	}
	t, err := a.target(ctx)
	if err != nil {
		return false, err
	}
	if a.part.Unknown != "" {
		a.keepsUntilKnown(t)
		return false, nil
	}
	force = a.readAllowance() || force
	if err := a.leaveOut(ctx, &t); err != nil {
		return false, err
	}
	if a.ran == nil {
		a.status.expects(t.document)
	}
	applied := a.status.applied(t.document.Digest)
	switch {
	case applied && !force:
		return false, a.stays(t)
	case applied && look:
		return false, a.look(ctx, t)
	}
	outcome, err := a.apply(ctx, t)
	if err != nil {
		a.tell(t.problems, t.services())
		return false, err
	}
	if applied && a.looking && !outcome.Plan.Empty() {
		a.status.drifted(outcome)
	}
	if a.blame(t.result, outcome) {
		return true, nil
	}
	return false, a.applied(t, outcome)
}

// keepsWithoutObjects tells that FRR is left as it is.
func (a *Agent) keepsWithoutObjects() {
	a.tell(a.objects.Problems, 0)
	a.status.failed(errNoObjects)
	a.Reporter.Failed(errNoObjects)
}

// keepsUntilKnown tells that FRR is left as it is, and why.
func (a *Agent) keepsUntilKnown(t target) {
	err := errors.New(a.part.Unknown)
	a.tell(t.problems, t.services())
	a.status.failed(err)
	a.Reporter.Failed(err)
}

// target finds what the objects ask for. Where it can't be rendered, that is what could be the last time.
func (a *Agent) target(ctx context.Context) (target, error) {
	result, snap, err := a.translate(ctx)
	if err != nil {
		return target{}, err
	}
	t := target{snap: snap, result: result, announcements: result.Announcements, current: true}
	t.wanted, err = a.render(ctx, result)
	t.problems = slices.Concat(a.objects.Problems, result.Problems, a.overlay, a.part.Problems)
	if err == nil {
		return t, nil
	}
	t.problems = append(t.problems, a.overlayProblem(err))
	if a.good == nil {
		a.tell(t.problems, t.services())
		return target{}, err
	}
	t.wanted, t.announcements, t.current = *a.good, a.reporting.announced, false
	return t, nil
}

// services is how many Services the node knows of.
func (t target) services() int { return len(t.snap.Services) }

// leaveOut takes out what was rolled back, and what has to wait for a session to be up.
func (a *Agent) leaveOut(ctx context.Context, t *target) error {
	document, problems, err := a.guard.instead(ctx, a, t.wanted)
	t.problems = append(t.problems, problems...)
	if err != nil {
		a.tell(t.problems, t.services())
		return err
	}
	t.current = t.current && document.Digest == t.wanted.Digest
	t.document = a.late.hold(ctx, a, document)
	return nil
}

// stays tells of a target that FRR runs already.
func (a *Agent) stays(t target) error {
	a.tell(slices.Concat(t.problems, a.lasting), t.services())
	if t.current {
		a.status.runs(t.snap, t.result)
		if err := a.follow(t.result.LastGood); err != nil {
			return err
		}
	}
	a.runs(t.announcements)
	a.Gateway.Runs(t.document.Text)
	a.still = true
	return nil
}

// apply brings FRR to a target, a second time where what was held is let through.
func (a *Agent) apply(ctx context.Context, t target) (reload.Result, error) {
	if err := a.guard.begin(ctx, a, t.wanted); err != nil {
		return reload.Result{}, err
	}
	outcome, err := a.send(ctx, t.document)
	if err == nil && !outcome.Held.Empty() && a.lets(outcome.Held) {
		a.record(outcome)
		outcome, err = a.send(ctx, t.document)
	}
	if err == nil {
		a.record(outcome)
	}
	return outcome, err
}

// send applies a document under the eyes of the guard.
func (a *Agent) send(ctx context.Context, document render.Document) (reload.Result, error) {
	outcome, err := a.engine.Apply(ctx, document)
	a.guard.watch(a, a.late.all(outcome.Ran(document)), outcome, err)
	return outcome, err
}

// applied tells and remembers what FRR runs now of a target.
func (a *Agent) applied(t target, outcome reload.Result) error {
	a.lasting, a.drift = nil, ""
	for _, r := range outcome.Refused {
		t.problems = append(t.problems, a.problem(problem.Error, problem.RefusedByFRR, "FRR refuses "+r.String()))
	}
	a.hold(outcome)
	a.tell(slices.Concat(t.problems, a.lasting), t.services())
	if t.current && outcome.Runs(vtysh.BGPD) {
		a.status.runs(t.snap, t.result)
	}
	a.late.begin(outcome.Ran(t.document), a.Now())
	if err := a.settle(t, outcome); err != nil {
		return err
	}
	a.runs(t.announcements)
	return nil
}

// blame finds the objects whose lines FRR has refused, and tells whether there are any.
func (a *Agent) blame(result translate.Result, outcome reload.Result) bool {
	any := false
	for _, r := range outcome.Refused {
		if r.Follows {
			continue
		}
		line := translate.RefusedLine{Line: r.Command.Line.Reveal(), Shown: r.Command.Line.String(), Reply: r.Reply}
		for _, l := range r.Command.Context {
			line.Context = append(line.Context, l.Reveal())
		}
		last, found := result.Refuse(a.lastGood, line)
		if found {
			a.lastGood, a.refusedAt, any = last, a.Now(), true
		}
	}
	return any
}

// settle remembers what FRR runs now of a target, here and on disk, and says what it does not run of the document.
func (a *Agent) settle(t target, outcome reload.Result) error {
	var failures []error
	if !outcome.Verified() {
		failures = append(failures, unsettled(outcome))
	}
	ran := a.late.all(outcome.Ran(t.document))
	a.Gateway.Runs(ran.Text)
	// What no object is to blame for, and what is another daemon's, holds none back.
	if outcome.Runs(vtysh.BGPD) {
		a.good, a.ran = &t.wanted, &ran
		if a.guard.settled() {
			failures = append(failures, a.keep(t.result.LastGood))
		}
	}
	if a.guard.settled() && outcome.KeepsOthers() {
		err := reload.WriteFile(a.FRRConf, []byte(a.late.onDisk(ran).Text), 0o640)
		if err == nil {
			err = a.guard.forget(a)
		}
		failures = append(failures, err)
	}
	a.file, _ = os.Stat(a.FRRConf)
	if err := errors.Join(failures...); err != nil {
		return err
	}
	a.status.verified(t.document.Digest)
	a.still = true
	tidy(outcome.Plan)
	return nil
}

// bulkLines is from where on an apply, and the reading of as many objects before it, leaves so much memory behind that it is given back.
const bulkLines = 1000

// tidy collects what an apply has left, 10 MiB with 10,000 Services, while nothing else is to do: otherwise the collector would run in the
// middle of a later change.
func tidy(plan reload.Plan) {
	switch n := len(plan.Commands); {
	case n > bulkLines:
		go debug.FreeOSMemory()
	case n > 0:
		go runtime.GC()
	}
}

// quiet tells that a look for drift finds nothing and has nothing else to do: neither FRR nor frr.conf is another than a turn has left it,
// and nothing waits to be allowed or confirmed.
func (a *Agent) quiet(ctx context.Context) bool {
	if !a.still || a.guard.timer != nil || a.status.holds() {
		return false
	}
	if a.FRRConf != reload.NoFile {
		file, err := os.Stat(a.FRRConf)
		if err != nil || a.file == nil || !os.SameFile(file, a.file) || !file.ModTime().Equal(a.file.ModTime()) {
			return false
		}
	}
	unchanged, err := a.engine.Unchanged(ctx)
	if err != nil || !unchanged {
		return false
	}
	a.status.metrics.Succeeded(a.Now())
	a.rest()
	return true
}

// unsettled says what FRR does not run.
func unsettled(outcome reload.Result) error {
	said := fmt.Sprintf("%d lines differ after the apply, %d were refused", len(outcome.Remaining.Commands), len(outcome.Refused))
	if outcome.Away != "" {
		said += "; " + outcome.Away
	}
	return errors.New(said)
}

// problem is one of the node itself.
func (a *Agent) problem(severity problem.Severity, reason problem.Reason, message string) problem.Problem {
	return problem.Problem{Severity: severity, Object: problem.Object{Kind: "Node", Name: a.Node}, Reason: reason, Message: message}
}

// look compares what FRR runs with what was applied, and tells.
func (a *Agent) look(ctx context.Context, t target) error {
	plan, err := a.engine.Plan(ctx, t.document)
	if err != nil {
		return err
	}
	a.lasting = slices.DeleteFunc(a.lasting, func(p problem.Problem) bool { return p.Reason == problem.Drifted })
	if !plan.Empty() {
		a.lasting = append(a.lasting, a.problem(problem.Warning, problem.Drifted,
			fmt.Sprintf("FRR runs something else than was applied; %d commands would repair it, first %q", len(plan.Commands), plan.Commands[0].Line.String())))
	}
	found := plan.String()
	a.status.metrics.DriftLines(len(plan.Commands))
	switch {
	case found == "":
		a.status.metrics.Succeeded(a.Now())
	case found != a.drift:
		a.status.metrics.DriftFound()
	}
	a.drift = found
	a.tell(slices.Concat(t.problems, a.lasting), t.services())
	a.still = true
	return nil
}

// translate takes the snapshot and translates it; text of an administrator goes to FRR's own parser first.
func (a *Agent) translate(ctx context.Context) (translate.Result, *snapshot.Snapshot, error) {
	options := a.Options
	options.Unread, options.Incomplete = a.objects.Unread, a.objects.Incomplete
	a.part = a.Gateway.Turn(a.objects) // also where the node's own object is gone: what others are to hold must go from here
	snap, err := snapshot.New(a.objects.Objects, a.Node, options)
	if err != nil {
		return translate.Result{}, nil, err
	}
	snap.Gateway, snap.Floating = a.part.Assignment, a.part.Floating
	if snap.Extras.Text != "" {
		if snap.Extras.Refused, err = a.checkExtras(ctx, snap.Extras.Text); err != nil {
			return translate.Result{}, nil, err
		}
	}
	return translate.Translate(snap, a.lastGood), snap, nil
}

// checkExtras asks FRR's parser, once for each text.
func (a *Agent) checkExtras(ctx context.Context, text string) (string, error) {
	if said, known := a.checked[text]; known {
		return said, nil
	}
	var syntax *vtysh.SyntaxError
	err := a.Checker.CheckSyntax(ctx, text)
	if err != nil && !errors.As(err, &syntax) {
		return "", fmt.Errorf("have FRR's parser read bgpextras: %w", err)
	}
	said := ""
	if syntax != nil {
		said = syntax.Error()
	}
	clear(a.checked)
	a.checked[text] = said
	return said, nil
}

// loadTemplates reads the overlay. It is tried with the next document; until it has proven itself, the templates before it are used.
func (a *Agent) loadTemplates() {
	a.overlay, a.candidate = nil, nil
	if a.renderer == nil {
		r, err := render.New(nil)
		if err != nil {
			panic(err)
		}
		a.renderer = r
	}
	if a.Templates == "" {
		return
	}
	r, err := render.New(os.DirFS(a.Templates))
	if err != nil {
		a.overlay = []problem.Problem{a.overlayProblem(err)}
		return
	}
	a.candidate = r
}

func (a *Agent) overlayProblem(err error) problem.Problem {
	return problem.Problem{
		Severity: problem.Error, File: a.Templates, Reason: problem.TemplateBroken,
		Message: err.Error() + "; the templates before it stay in use",
	}
}

// render makes the document, with new templates where FRR's parser takes what they make.
func (a *Agent) render(ctx context.Context, result translate.Result) (render.Document, error) {
	if a.candidate != nil {
		document, err := a.tryRender(ctx, a.candidate, result)
		var syntax *vtysh.SyntaxError
		switch {
		case err == nil:
			a.renderer, a.candidate, a.overlaid = a.candidate, nil, true
			return document, nil
		case errors.As(err, &syntax), errors.Is(err, errTemplate):
			a.overlay = []problem.Problem{a.overlayProblem(err)}
			a.candidate = nil
		default:
			return document, err
		}
	}
	if a.overlaid {
		return a.tryRender(ctx, a.renderer, result)
	}
	return a.renderer.Render(result.Config)
}

// errTemplate tells that templates can't be executed.
var errTemplate = errors.New("the templates can't be executed")

// tryRender renders, and has FRR's parser read a document that it has not seen.
func (a *Agent) tryRender(ctx context.Context, r *render.Renderer, result translate.Result) (render.Document, error) {
	document, err := r.Render(result.Config)
	if err != nil {
		return document, fmt.Errorf("%w: %w", errTemplate, err)
	}
	if document.Digest == a.accepted {
		return document, nil
	}
	if err := a.Checker.CheckSyntax(ctx, document.Text); err != nil {
		return document, fmt.Errorf("FRR's parser refuses what the templates make: %w", err)
	}
	a.accepted = document.Digest
	return document, nil
}

// tell shows problems, and logs those that are new or gone.
func (a *Agent) tell(problems []problem.Problem, services int) {
	problems = problem.Sort(slices.Clone(problems))
	if !slices.Equal(problems, a.logged) {
		for _, p := range beside(problems, a.logged) {
			a.Log.Warn("an object has a problem", "problem", p.String())
		}
		for _, p := range beside(a.logged, problems) {
			a.Log.Info("a problem is gone", "problem", p.String())
		}
	}
	a.logged = problems
	a.Reporter.Judged(problems, a.objects.Objects.Finder())
	a.status.problems(a.Node, problems, services)
}

// beside are the problems of a list that are not in another. Whoever may create Services may make thousands of them.
func beside(list, others []problem.Problem) []problem.Problem {
	known := make(map[problem.Problem]bool, len(others))
	for _, p := range others {
		known[p] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(p problem.Problem) bool { return known[p] })
}

// record logs and shows an apply; silence means that nothing changed.
func (a *Agent) record(outcome reload.Result) {
	if outcome.Plan.Empty() {
		return
	}
	a.status.record(outcome)
	for i, c := range outcome.Plan.Commands {
		level := slog.LevelInfo
		if i >= loggedLines && c.Effect != reload.Reset {
			level = slog.LevelDebug
		}
		a.Log.Log(context.Background(), level, "applied a line", "daemon", string(c.Daemon), "effect", string(c.Effect), "line", c.Line.String(), "digest", outcome.Digest)
	}
	for _, c := range outcome.Called {
		a.Log.Info("had a session started at once", "neighbor", c.Neighbors[0], "line", c.Line.String(), "why", c.Note)
	}
	a.Log.Info("applied the configuration", "node", a.Node, "digest", outcome.Digest, "commands", len(outcome.Plan.Commands),
		"effect", string(outcome.Plan.Effect()), "resets", outcome.Plan.Resets(), "refused", len(outcome.Refused), "duration", outcome.Duration)
}

// follow remembers objects that have changed and come to what FRR runs already: what was deleted meanwhile must not come back with the form that it had.
func (a *Agent) follow(lastGood translate.LastGood) error {
	if !a.guard.settled() {
		return nil
	}
	return a.keep(lastGood)
}

// keep remembers the objects that FRR runs now, here and across restarts.
func (a *Agent) keep(lastGood translate.LastGood) error {
	a.lastGood = lastGood
	data, err := lastGood.Encode()
	if err != nil || a.StateFile == reload.NoFile || slices.Equal(data, a.kept) {
		return err
	}
	if err := reload.WriteFile(a.StateFile, data, 0o600); err != nil {
		return err
	}
	a.kept = data
	return nil
}
