package fabric

import (
	"context"
	"testing"
)

// Bare is one FRR without links, to ask what it thinks of configurations.
type Bare struct {
	*Node
	dirty bool
}

// NewBare starts a bare FRR for a test. Checking many configurations with one takes about 0.2 s each.
func NewBare(t testing.TB, v Version) *Bare {
	t.Helper()
	f := New(t, Topology{Nodes: []NodeSpec{{Name: "bare", Version: v}}})
	return &Bare{Node: f.Node("bare")}
}

// Check loads a configuration into an empty FRR. It returns each line that FRR had to say about it (none is what one wants), and the
// running configuration that came of it.
func (b *Bare) Check(ctx context.Context, text string) (complaints []string, running string, err error) {
	if err := b.Reset(ctx); err != nil {
		return nil, "", err
	}
	b.dirty = true
	complaints, err = b.Load(ctx, text)
	if err != nil {
		return nil, "", err
	}
	running, err = b.RunningConfig(ctx)
	return complaints, running, err
}

// Reset empties FRR by starting all its daemons anew, which is quicker than taking lines back and leaves no doubt. It does nothing to an
// FRR that only Check has seen since the last Reset, and that is empty. Call Dirty after configuring it in other ways.
func (b *Bare) Reset(ctx context.Context) error {
	if !b.dirty {
		return nil
	}
	if err := b.Restart(ctx); err != nil {
		return err
	}
	b.dirty = false
	return nil
}

// Dirty says that the FRR was configured by other means than Check, so that the next Reset does its work.
func (b *Bare) Dirty() { b.dirty = true }
