package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// confirmation is what "reload --confirm" remembers, to go back to it.
type confirmation struct {
	*reloadFlags
	client   vtysh.Client
	log      io.Writer
	document render.Document
	sessions observe.State
	resets   []string // whom the change resets
	back     render.Document
	// aside is where FILE lies meanwhile when it is --frr-conf itself, which holds instead what ran before; empty otherwise.
	aside   string
	instead []byte
}

// remember looks at what runs, and sees to it that nothing but kill -9 ends what watches over the change. Without --confirm it is empty.
func (f *reloadFlags) remember(ctx context.Context, client vtysh.Client, engine *reload.Engine, document render.Document, log io.Writer) (*confirmation, error) {
	c := &confirmation{reloadFlags: f, client: client, log: log, document: document}
	// The change may cut the connection of the person who makes it: neither the terminal nor a pipe that goes away ends this program.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	if f.confirm == 0 {
		return c, nil
	}
	var err error
	if c.sessions, err = observe.Read(ctx, client); err == nil {
		c.back, err = engine.Snapshot(ctx)
	}
	if err != nil {
		return c, fmt.Errorf("remember what runs: %w", err)
	}
	plan, err := engine.Plan(ctx, document)
	c.resets = plan.Resets()
	if err != nil || plan.Empty() || !f.inPlace() {
		return c, err
	}
	return c, c.setAside(ctx)
}

// setAside puts what runs into --frr-conf, as FRR would write it, and FILE beside it: an FRR that starts before the change is confirmed starts
// with what ran before, however this program ends.
func (c *confirmation) setAside(ctx context.Context) error {
	text, err := c.vty.exec().Run(ctx, vtysh.All, "show running-config no-header")
	if err != nil {
		return fmt.Errorf("remember what runs: %w", err)
	}
	if c.touched() {
		return fmt.Errorf("somebody else has written %s since it was read; nothing was changed", c.frrConf)
	}
	aside, err := free(c.frrConf + ".unconfirmed")
	if err == nil {
		err = reload.WriteFile(aside, []byte(c.document.Text), 0o640)
	}
	if err == nil {
		err = reload.WriteFile(c.frrConf, []byte(text), 0o640)
	}
	if err != nil {
		_ = os.Remove(aside)
		return fmt.Errorf("keep what runs for FRR's next start: %w; nothing was changed (--frr-conf none: keep nothing)", err)
	}
	c.look()
	c.aside, c.instead = aside, []byte(text)
	fmt.Fprintf(c.log, "frr-renderer: until the change is confirmed %s holds what ran before, and your text is in %s\n", c.frrConf, aside)
	return nil
}

// putBack gives --frr-conf the text again that was set aside.
func (c *confirmation) putBack() error {
	if c.aside == "" {
		return nil
	}
	aside, err := c.aside, errOthers
	c.aside = ""
	if c.untouched() {
		if err = reload.WriteFile(c.frrConf, []byte(c.document.Text), 0o640); err == nil {
			c.look()
		}
	}
	if err == nil {
		err = os.Remove(aside)
	}
	if err != nil {
		return fmt.Errorf("your text stays in %s: %w", aside, err)
	}
	return nil
}

var errOthers = errors.New("somebody has written FRR's configuration file meanwhile, which is left as it is")

// untouched tells that nobody else has written --frr-conf meanwhile.
func (c *confirmation) untouched() bool {
	now, err := os.ReadFile(c.frrConf)
	return err == nil && bytes.Equal(now, c.instead)
}

// reject keeps the text that was set aside, and says what --frr-conf holds.
func (c *confirmation) reject() string {
	if c.aside == "" {
		return c.kept()
	}
	rejected, err := free(c.frrConf + ".rejected")
	if err == nil {
		err = os.Rename(c.aside, rejected)
	}
	if err != nil {
		rejected = c.aside
	}
	c.aside = ""
	if !c.untouched() {
		return fmt.Sprintf("%s was written by somebody else meanwhile, and your text is in %s", c.frrConf, rejected)
	}
	return fmt.Sprintf("%s holds that too, and your text is in %s", c.frrConf, rejected)
}

// free is a name that no file has yet: nobody's text is written over.
func free(path string) (string, error) {
	for n := 1; ; n++ {
		name := path
		if n > 1 {
			name = fmt.Sprintf("%s.%d", path, n)
		}
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

// wait watches the sessions until the time is over, and says why to roll back; empty when all is well.
func (c *confirmation) wait(interrupt context.Context) (lost []string, why string) {
	fmt.Fprintf(c.log, "frr-renderer: applied; rolling back in %s unless every session that was Established is\n", c.confirm)
	started := socketStamp(c.vty.dir)
	before := started()
	c.lock.ends(time.Now().Add(c.confirm), c.notes())
	end := time.NewTimer(c.confirm)
	defer end.Stop()
	select {
	case <-interrupt.Done():
		return nil, "interrupted before the change was confirmed"
	case <-end.C:
	}
	if started() != before {
		return nil, "FRR was restarted before the change was confirmed"
	}
	ctx, cancel := c.within(context.WithoutCancel(interrupt))
	defer cancel()
	now, err := observe.Read(ctx, c.client)
	if err != nil {
		return nil, "FRR can't be asked for its sessions: " + err.Error()
	}
	for _, s := range agent.Lost(c.sessions, now, c.document, c.resets) {
		lost = append(lost, s.String())
	}
	if len(lost) > 0 {
		return lost, "no longer Established: " + strings.Join(lost, ", ")
	}
	fmt.Fprintln(c.log, "frr-renderer: confirmed")
	return nil, ""
}

// since is what FRR no longer runs of FILE when the wait is over, an error then: somebody has typed into vtysh, or "run" has repaired it.
func (c *confirmation) since(engine *reload.Engine) (reload.Plan, error) {
	ctx, cancel := c.within(context.Background())
	defer cancel()
	plan, err := engine.Plan(ctx, c.document)
	if err != nil {
		return plan, fmt.Errorf("ask FRR whether it still runs %s: %w; %s", c.file, err, c.kept())
	}
	for _, changed := range plan.Commands {
		fmt.Fprintf(c.log, "frr-renderer: changed by somebody since it was applied: %s\n", changed)
	}
	if !plan.Empty() {
		err = fmt.Errorf("FRR no longer runs %s, %d lines differ; %s", c.file, len(plan.Commands), c.kept())
	}
	return plan, err
}

// rollBackInterval is how long to wait before rolling back is tried again: FRR may be starting, or locked by somebody.
const rollBackInterval = time.Second

// rollBack applies what ran before, and tries for as long as --timeout.
func (c *confirmation) rollBack(why string) error {
	kept := c.reject()
	fmt.Fprintf(c.log, "frr-renderer: %s; rolling back\n", why)
	ctx, cancel := c.within(context.Background())
	defer cancel()
	plain := reload.New(c.client, reload.Options{Whole: true, Now: time.Now})
	var last error
	for {
		result, err := plain.Apply(ctx, c.back)
		switch {
		case err == nil && result.Verified():
			return failed(fmt.Errorf("%s; rolled back to the configuration before, %s", why, kept))
		case err == nil:
			return failed(fmt.Errorf("%s; rolled back, but %d lines were refused and %d differ; %s:\n%s", why, len(result.Refused),
				len(result.Remaining.Commands), kept, result.Remaining))
		case last == nil || ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return failed(fmt.Errorf("%s; ROLLING BACK FAILED: %w; %s", why, last, kept))
		case <-time.After(rollBackInterval):
		}
	}
}
