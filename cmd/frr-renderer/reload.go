package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

type reloadFlags struct {
	vty     vtyFlags
	file    string
	dryRun  bool
	refuse  bool
	allow   string
	confirm time.Duration
	timeout time.Duration
	frrConf string
	output  string

	lock *lock
	// found is --frr-conf as it was when this began, or as we have written it since; nil when there was none.
	found fs.FileInfo
}

func newReload() *cobra.Command {
	var f reloadFlags
	c := &cobra.Command{
		Use:   "reload FILE",
		Short: "Bring the running FRR to a frr.conf, with the least disturbance",
		Long: `Compare FILE, all of FRR's configuration, with what FRR runs, send only what differs, and ask FRR afterwards whether it runs it. It does what
"frr-reload.py --reload" does, and --dry-run what its --test does, but resets no session that need not be. FILE is checked by FRR's own parser first;
"-" reads it from the standard input. No Kubernetes is needed.

Each command of the plan is printed with its effect:

  none      nothing but the line itself changes
  soft      routes are evaluated again and sent where they differ
  deferred  it takes effect when the session is established next
  reset     sessions go down; the line names them

A plan that resets sessions ends with its digest. --refuse-resets holds such a plan back, as a whole, when a session that it resets is Established;
--allow-resets DIGEST lets exactly the plan of that digest through.

--confirm rolls back to the configuration before when, at the end of DURATION, a session that was Established before and that FILE keeps is not.
It also does when the apply ends with an error, when FRR is restarted meanwhile, and at once at an interrupt. --frr-conf is written when all is
applied and confirmed, so an FRR that is restarted meanwhile comes back with the configuration before. When FILE is --frr-conf itself, it holds what
ran before until then, and your text lies beside it: in .unconfirmed until it is put back, in .rejected after a roll-back.

One reload at a time changes an FRR; another one fails at once. What somebody else writes to --frr-conf meanwhile is left as it is, with exit code 1.

Exit code: 0 applied (or nothing to do), 4 when --dry-run finds something to do, 5 when the plan was held back (with --dry-run and --refuse-resets:
when it would be), 1 when FRR can't be reached, refuses a line or was rolled back, 2 for wrong usage.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return errors.New("FILE is missing: name the frr.conf to bring FRR to, or - for the standard input")
			case 1:
				return nil
			}
			return fmt.Errorf("one FILE is read, and these are %d: %q", len(args), args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			f.file = args[0]
			return f.run(c)
		},
	}
	f.vty.add(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the plan, and change nothing")
	c.Flags().BoolVar(&f.refuse, "refuse-resets", false, "hold a plan back that would reset Established sessions")
	c.Flags().StringVar(&f.allow, "allow-resets", "", "let the plan of this digest through")
	c.Flags().DurationVar(&f.confirm, "confirm", 0, "roll back when sessions are lost after this time; 0: don't wait")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "give up when FRR takes longer than this")
	c.Flags().StringVar(&f.frrConf, "frr-conf", "/etc/frr/frr.conf", "where FRR reads its configuration at its next start: FILE is copied there when it is applied; none: nowhere")
	addOutput(c, &f.output)
	return c
}

// reloadView is what reload prints in JSON.
type reloadView struct {
	Digest string `json:"digest"`
	reload.Result
	Lost       []string `json:"lost,omitempty"`
	RolledBack bool     `json:"rolledBack,omitempty"`
}

func (f *reloadFlags) run(c *cobra.Command) error {
	inJSON, err := asJSON(f.output)
	if err != nil {
		return err
	}
	if err := f.check(c.Flags().Changed("allow-resets")); err != nil {
		return &exitError{exitUsage, err}
	}
	client, err := f.vty.client()
	if err != nil {
		return err
	}
	defer client.Close()
	var unlocked error
	if !f.dryRun {
		if f.lock, unlocked = f.take(); errors.Is(unlocked, errBusy) {
			return failed(unlocked)
		}
		defer f.lock.free()
		f.look()
		if err := f.writable(); err != nil {
			return failed(err)
		}
	}
	// An interrupt must not end what is half done: what runs is finished or rolled back.
	ctx, cancel := f.within(context.WithoutCancel(c.Context()))
	defer cancel()
	document, err := f.read(ctx, c.InOrStdin())
	if err != nil {
		return failed(err)
	}
	stdout, stderr := c.OutOrStdout(), c.ErrOrStderr()
	engine := reload.New(client, reload.Options{Whole: true, Now: time.Now, Gate: f.gate(client)})
	if f.dryRun {
		plan, err := engine.Plan(ctx, document)
		if err != nil {
			return failed(err)
		}
		if err := f.print(stdout, inJSON, plan, reloadView{Digest: plan.Digest(), Result: reload.Result{Plan: plan}}); err != nil {
			return failed(err)
		}
		return f.planned(ctx, client, plan, stderr)
	}

	confirm, err := f.remember(ctx, client, engine, document, stderr)
	if err != nil {
		return failed(err)
	}
	defer func() {
		if err := confirm.putBack(); err != nil {
			fmt.Fprintf(stderr, "frr-renderer: %v\n", err)
		}
	}()
	if c.Context().Err() != nil {
		return failed(errors.New("interrupted; nothing was changed"))
	}
	if unlocked != nil {
		fmt.Fprintf(stderr, "frr-renderer: another reload at the same time would not be noticed: %v\n", unlocked)
	}
	result, err := engine.Apply(ctx, document)
	view := reloadView{Digest: result.Plan.Digest(), Result: result}
	if errors.Is(err, vtysh.ErrPermission) {
		return failed(err)
	}
	why, shown := "", false
	var printed error
	switch {
	case f.confirm == 0 || !result.Sent:
	case err != nil:
		why = err.Error()
	default:
		if shown = !inJSON; shown {
			printed = f.print(stdout, inJSON, result.Plan, view)
		}
		view.Lost, why = confirm.wait(c.Context())
		if why == "" && result.Held.Empty() && result.Verified() {
			var since error
			if view.Remaining, since = confirm.since(engine); since != nil {
				if inJSON {
					printed = f.print(stdout, inJSON, result.Plan, view)
				}
				return failed(errors.Join(since, printed))
			}
		}
	}
	if why != "" {
		view.RolledBack = true
		err := confirm.rollBack(why)
		if !shown {
			printed = f.print(stdout, inJSON, result.Plan, view)
		}
		return errors.Join(printed, err)
	}
	if err != nil {
		return failed(fmt.Errorf("%w; run the same command again to go on", err))
	}
	if !result.Held.Empty() {
		if err := f.print(stdout, inJSON, result.Held, view); err != nil {
			return failed(err)
		}
		said := "held back"
		if result.Sent {
			said = "lines were sent, and what is left is held back"
		}
		fmt.Fprintf(stderr, "frr-renderer: %s: it would reset %s; to let it through: --allow-resets %s\n",
			said, strings.Join(result.HeldNeighbors, ", "), result.Held.Digest())
		return exit(exitHeld)
	}
	if !shown {
		printed = f.print(stdout, inJSON, result.Plan, view)
	}
	for _, c := range result.Called {
		fmt.Fprintf(stderr, "frr-renderer: %s: %s\n", c.Line, c.Note)
	}
	for _, r := range result.Refused {
		fmt.Fprintf(stderr, "frr-renderer: FRR refuses %s\n", r)
	}
	for _, left := range result.Remaining.Commands {
		fmt.Fprintf(stderr, "frr-renderer: not applied: %s\n", left)
	}
	for _, c := range engine.Residue() {
		if !slices.ContainsFunc(result.Refused, func(r reload.Refused) bool { return r.Command.Line == c.Line }) {
			fmt.Fprintf(stderr, "frr-renderer: taken, but FRR does not show it as it was sent: %s\n", c)
		}
	}
	if result.Away != "" {
		fmt.Fprintf(stderr, "frr-renderer: %s\n", result.Away)
	}
	if !result.Verified() {
		return failed(fmt.Errorf("%d lines were refused and %d still differ; all others are applied, and %s",
			len(result.Refused), len(result.Remaining.Commands), f.kept()))
	}
	if err := confirm.putBack(); err != nil {
		return failed(errors.Join(err, printed))
	}
	return failedOrNil(errors.Join(f.keep(document), printed))
}

var digest = regexp.MustCompile(`^[0-9a-f]{24}$`)

// check reads the flags together.
func (f *reloadFlags) check(allows bool) error {
	if allows && !digest.MatchString(f.allow) {
		return fmt.Errorf("--allow-resets %q is not a digest: 24 hexadecimal digits, which --dry-run prints below a plan that resets sessions", f.allow)
	}
	f.refuse = f.refuse || allows
	if f.frrConf == "" {
		return errors.New("--frr-conf is empty; name a file, or none to keep nothing")
	}
	return checkTimes(f.confirm, f.timeout)
}

func checkTimes(confirm, timeout time.Duration) error {
	switch {
	case confirm < 0:
		return fmt.Errorf("--confirm %s is negative; give more than 0s, or 0 for none", confirm)
	case timeout <= 0:
		return fmt.Errorf("--timeout %s leaves no time; give more than 0s", timeout)
	}
	return nil
}

// within gives FRR the time of --timeout.
func (f *reloadFlags) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("--timeout %s is over", f.timeout))
}

func failedOrNil(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}

// read reads FILE, and has FRR's own parser read it: a file with a line that FRR has not must not be applied in part.
func (f *reloadFlags) read(ctx context.Context, stdin io.Reader) (render.Document, error) {
	var text []byte
	var err error
	if f.file == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(f.file)
	}
	if err != nil {
		return render.Document{}, fmt.Errorf("read the configuration: %w", err)
	}
	if err := encoding(text); err != nil {
		return render.Document{}, fmt.Errorf("%s %w; nothing was changed", f.file, err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return render.Document{}, fmt.Errorf("%s is empty: it would end every session; to empty FRR on purpose, write a file with a comment", f.file)
	}
	var syntax *vtysh.SyntaxError
	if err := f.vty.exec().CheckSyntax(ctx, string(text)); errors.As(err, &syntax) {
		return render.Document{}, fmt.Errorf("%s: %w; nothing was changed", f.file, syntax)
	} else if err != nil {
		return render.Document{}, fmt.Errorf("have FRR's parser read %s: %w", f.file, err)
	}
	return render.Document{Text: string(text)}, nil
}

// encoding tells that a text is written as FRR does not read it. Bytes that are no UTF-8 it takes, in a description say.
func encoding(text []byte) error {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return errors.New("begins with a byte order mark (EF BB BF), which FRR takes for a part of the first line: save it without")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return errors.New("is UTF-16, which FRR does not read: save it as UTF-8, without a byte order mark")
	case bytes.IndexByte(text, 0) >= 0:
		return errors.New("holds NUL bytes: it is no text, or UTF-16, which FRR does not read")
	}
	return nil
}

// gate holds plans back that reset Established sessions, but for the one that is allowed.
func (f *reloadFlags) gate(client vtysh.Client) reload.Gate {
	if !f.refuse {
		return nil
	}
	return func(ctx context.Context, plan reload.Plan) ([]string, error) {
		if f.allow != "" && plan.Digest() == f.allow {
			return nil, nil
		}
		state, err := observe.Read(ctx, client)
		if err != nil {
			return nil, err
		}
		return agent.EstablishedOf(plan.Resets(), state), nil
	}
}

// planned is the exit code of --dry-run: what a reload with the same flags would end with.
func (f *reloadFlags) planned(ctx context.Context, client vtysh.Client, plan reload.Plan, stderr io.Writer) error {
	if gate := f.gate(client); gate != nil && len(plan.Resets()) > 0 {
		keep, err := gate(ctx, plan)
		if err != nil {
			return failed(err)
		}
		if len(keep) > 0 {
			fmt.Fprintf(stderr, "frr-renderer: it would be held back: it would reset %s; to let it through: --allow-resets %s\n",
				strings.Join(keep, ", "), plan.Digest())
			return exit(exitHeld)
		}
	}
	if !plan.Empty() {
		return exit(exitDiffers)
	}
	return nil
}

func (f *reloadFlags) print(w io.Writer, inJSON bool, plan reload.Plan, view reloadView) error {
	if inJSON {
		return printJSON(w, view)
	}
	if _, err := fmt.Fprint(w, plan); err != nil {
		return err
	}
	if len(plan.Resets()) > 0 {
		_, err := fmt.Fprintf(w, "digest %s\n", plan.Digest())
		return err
	}
	return nil
}

// keep copies FILE to where FRR reads it, unless it is that file.
func (f *reloadFlags) keep(document render.Document) error {
	if f.frrConf == reload.NoFile {
		return nil
	}
	inPlace := f.inPlace()
	if f.touched() {
		return fmt.Errorf("FRR runs %s as it was read, but somebody else has written %s meanwhile, which is left as it is: FRR would start with that; "+
			"reload the one that is to be", f.file, f.frrConf)
	}
	if inPlace {
		return nil
	}
	if err := reload.WriteFile(f.frrConf, []byte(document.Text), 0o640); err != nil {
		return fmt.Errorf("FRR runs the configuration, but it can't be kept for its next start: %w", err)
	}
	return nil
}

// writable tries whether --frr-conf can be written, before anything is sent to FRR.
func (f *reloadFlags) writable() error {
	if f.frrConf == reload.NoFile || f.inPlace() && f.confirm == 0 {
		return nil
	}
	if err := reload.TryFile(f.frrConf); err != nil {
		return fmt.Errorf("the configuration could not be kept for FRR's next start: %w; nothing was sent (--frr-conf none: keep nothing)", err)
	}
	return nil
}

// look remembers --frr-conf as it is now.
func (f *reloadFlags) look() {
	f.found = nil
	if info, err := os.Stat(f.frrConf); err == nil && f.frrConf != reload.NoFile {
		f.found = info
	}
}

// touched tells that somebody else has written --frr-conf since look.
func (f *reloadFlags) touched() bool {
	if f.frrConf == reload.NoFile {
		return false
	}
	now, err := os.Stat(f.frrConf)
	if err != nil || f.found == nil {
		return (err == nil) != (f.found != nil)
	}
	return !os.SameFile(now, f.found) || now.Size() != f.found.Size() || !now.ModTime().Equal(f.found.ModTime())
}

// kept says what became of --frr-conf when we have not written it.
func (f *reloadFlags) kept() string {
	switch {
	case f.frrConf == reload.NoFile:
		return "no file was written"
	case f.touched():
		return fmt.Sprintf("somebody else has written %s meanwhile, which is left as it is", f.frrConf)
	}
	return fmt.Sprintf("%s is as it was", f.frrConf)
}

// inPlace tells that FILE is what FRR reads at its next start, by whatever name.
func (f *reloadFlags) inPlace() bool {
	if f.file == "-" || f.frrConf == reload.NoFile {
		return false
	}
	a, err := os.Stat(f.file)
	if err != nil {
		return false
	}
	b, err := os.Stat(f.frrConf)
	return err == nil && os.SameFile(a, b)
}
