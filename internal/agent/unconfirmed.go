package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// unconfirmed lies in a file beside frr.conf for as long as a change is not confirmed, and after something was rolled back: the next run goes on
// to watch over it, and leaves that out. The configuration to come back to is frr.conf.
type unconfirmed struct {
	// Before are the sessions that were Established before the change; none when nothing waits to be confirmed.
	Before observe.State `json:"before,omitzero"`
	rolledBack
	// Spent is what the node's annotation has allowed in vain.
	Spent string `json:"spent,omitempty"`
}

func (a *Agent) unconfirmedFile() string {
	return filepath.Join(filepath.Dir(a.FRRConf), "frr-renderer.unconfirmed.json")
}

// note keeps what the next run has to know; watching tells that there are sessions to come back.
func (g *guard) note(a *Agent, watching bool) {
	u := unconfirmed{rolledBack: g.rolledBack}
	if watching {
		u.Before = g.before
	} else {
		u.Charged, u.Suspects = nil, nil
	}
	if u.Rejected != nil || len(u.Spared) > 0 {
		u.Spent = a.allowance.spent
	}
	u.Before.Sessions = slices.DeleteFunc(slices.Clone(u.Before.Sessions), func(s observe.Session) bool { return !s.Established() })
	data, err := json.Marshal(u)
	if err == nil && bytes.Equal(data, g.noted) {
		return
	}
	if err == nil && a.FRRConf != reload.NoFile {
		err = reload.WriteFile(a.unconfirmedFile(), data, 0o600)
	}
	if err != nil {
		a.Log.Warn("a change that is not confirmed can't be noted: if this program is started anew, nobody watches over it", "error", err)
		return
	}
	g.noted = data
}

// forget removes what was noted: all is confirmed, but for what is left out.
func (g *guard) forget(a *Agent) error {
	if len(g.Spared) > 0 {
		g.note(a, false)
		return nil
	}
	if g.noted == nil || a.FRRConf == reload.NoFile {
		return nil
	}
	if err := os.Remove(a.unconfirmedFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.noted = nil
	return nil
}

// resume goes on where an earlier run has ended; before is frr.conf.
func (g *guard) resume(a *Agent, before string) {
	if a.FRRConf == reload.NoFile {
		return
	}
	data, err := os.ReadFile(a.unconfirmedFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	g.noted = data
	if a.Confirm <= 0 || before == "" {
		return
	}
	var u unconfirmed
	if err == nil {
		err = json.Unmarshal(data, &u)
	}
	if err != nil {
		a.Log.Warn("what is not confirmed can't be read", "file", a.unconfirmedFile(), "error", err)
		return
	}
	back := render.Document{Text: before, Digest: "frr.conf"}
	g.rolledBack, a.allowance.spent = u.rolledBack, u.Spent
	g.from, g.fallback = back, back
	if len(u.Before.Sessions) > 0 {
		g.before, g.back, g.resumed = u.Before, back, true
		a.Log.Info("a change before this start is not confirmed yet", "sessions", len(u.Before.Sessions))
	}
}
