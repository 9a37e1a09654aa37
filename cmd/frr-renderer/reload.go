package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

Exit code: 0 applied (or nothing to do), 4 when --dry-run finds something to do, 5 when the plan was held back, 1 when FRR can't be reached, refuses
a line or was rolled back, 2 for wrong usage.`,
		Args: cobra.ExactArgs(1),
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
	// An interrupt must not end what is half done: what runs is finished or rolled back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), f.timeout)
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
		if !plan.Empty() {
			return exit(exitDiffers)
		}
		return nil
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
	result, err := engine.Apply(ctx, document)
	view := reloadView{Digest: result.Plan.Digest(), Result: result}
	if errors.Is(err, vtysh.ErrPermission) {
		return failed(err)
	}
	why := ""
	switch {
	case f.confirm == 0 || !result.Sent:
	case err != nil:
		why = err.Error()
	default:
		view.Lost, why = confirm.wait(c.Context())
	}
	if why != "" {
		view.RolledBack = true
		err := confirm.rollBack(why)
		return errors.Join(f.print(stdout, inJSON, result.Plan, view), err)
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
	printed := f.print(stdout, inJSON, result.Plan, view)
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
		return failed(fmt.Errorf("%d lines were refused and %d still differ; all others are applied, and %s is as it was",
			len(result.Refused), len(result.Remaining.Commands), f.frrConf))
	}
	return failedOrNil(errors.Join(confirm.putBack(), f.keep(document), printed))
}

var digest = regexp.MustCompile(`^[0-9a-f]{24}$`)

// check reads the flags together.
func (f *reloadFlags) check(allows bool) error {
	if allows && !digest.MatchString(f.allow) {
		return fmt.Errorf("--allow-resets %q is not a digest: 24 hexadecimal digits, which --dry-run prints below a plan that resets sessions", f.allow)
	}
	f.refuse = f.refuse || allows
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
	if f.inPlace() {
		return nil
	}
	if err := reload.WriteFile(f.frrConf, []byte(document.Text), 0o640); err != nil {
		return fmt.Errorf("FRR runs the configuration, but it can't be kept for its next start: %w", err)
	}
	return nil
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
