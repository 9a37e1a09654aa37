package differential

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var (
	seed  = flag.Uint64("seed", 1, "first seed")
	pairs = flag.Int("pairs", 10, "pairs of each version")
	lanes = flag.Int("lanes", 2, "FRRs side by side")
	keep  = flag.String("keep", "", "directory for failing pairs")
	only  = flag.String("frr", "", "8.4 or 10.3; empty: both")
)

// TestTexts brings one FRR from A to B, and asks whether it runs what an empty FRR runs that read B.
func TestTexts(t *testing.T) {
	for _, v := range fabric.Versions() {
		if *only != "" && string(v) != *only {
			continue
		}
		t.Run(string(v), func(t *testing.T) {
			fabric.Require(t, v)
			next := make(chan uint64)
			go func() {
				for i := range *pairs {
					next <- *seed + uint64(i)
				}
				close(next)
			}()
			var wg sync.WaitGroup
			for range *lanes {
				x, y := fabric.NewBare(t, v), fabric.NewBare(t, v)
				wg.Go(func() {
					for s := range next {
						a := Generate(s/4, v)
						for i := range s % 4 {
							a = a.Mutate(s/4*4 + i)
						}
						what := try(t, x, y, a.String(), a.Mutate(s).String())
						if strings.HasPrefix(what, "load ") {
							// A busy 10.3 sometimes refuses graceful restart of an interface that is not there.
							what = try(t, x, y, a.String(), a.Mutate(s).String())
						}
						if what != "" {
							t.Errorf("pair %d of %s: %s", s, v, what)
							if *keep != "" {
								dir := filepath.Join(*keep, fmt.Sprintf("%s-%d", v, s))
								_ = os.MkdirAll(dir, 0o755)
								_ = os.WriteFile(filepath.Join(dir, "a.conf"), []byte(a.String()), 0o644)
								_ = os.WriteFile(filepath.Join(dir, "b.conf"), []byte(a.Mutate(s).String()), 0o644)
								_ = os.WriteFile(filepath.Join(dir, "what"), []byte(what), 0o644)
							}
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func try(t *testing.T, x, y *fabric.Bare, a, b string) string {
	ctx := t.Context()
	x.Dirty()
	if err := x.Reset(ctx); err != nil {
		return err.Error()
	}
	client := vtysh.NewAuto(vtysh.NewSocket(x.VtyDir()), vtysh.NewExec("", x.VtyshPath()))
	defer client.Close()
	if said, err := x.Load(ctx, a); err != nil || len(complaints(said)) > 0 {
		return fmt.Sprint("load A: ", said, err)
	}
	e := reload.New(client, reload.Options{Whole: true, Now: time.Now})
	result, err := e.Apply(ctx, render.Document{Text: b})
	if err != nil {
		return "apply: " + err.Error()
	}
	running, err := x.RunningConfig(ctx)
	if err != nil {
		return err.Error()
	}
	said, fresh, err := y.Check(ctx, b)
	if err != nil || len(complaints(said)) > 0 {
		return fmt.Sprint("load B: ", said, err)
	}
	var out strings.Builder
	for _, r := range result.Refused {
		fmt.Fprintf(&out, "\n  refused %s", r)
	}
	for _, c := range result.Remaining.Commands {
		fmt.Fprintf(&out, "\n  remains %s", c)
	}
	for _, c := range e.Residue() {
		fmt.Fprintf(&out, "\n  residue %s", c)
	}
	for _, l := range difference(tree(running, b), tree(fresh, b)) {
		fmt.Fprintf(&out, "\n  %s", l)
	}
	if out.Len() > 0 {
		fmt.Fprintf(&out, "\n plan:\n%s", result.Plan)
	}
	return out.String()
}

var complaint = regexp.MustCompile(`^line \d+:|Configuration failed|^% .*rejected`)

// complaints are what FRR says beside remarks.
func complaints(said []string) []string {
	if !slices.ContainsFunc(said, complaint.MatchString) {
		return nil
	}
	return said
}

func TestGrammar(t *testing.T) {
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			y := fabric.NewBare(t, v)
			for s := range uint64(20) {
				text := Generate(*seed+s, v).String()
				said, _, err := y.Check(t.Context(), text)
				require.NoError(t, err)
				if len(complaints(said)) > 0 {
					// 10.3 once refused a neighbor's graceful-restart that it takes each other time: what is wrong is so twice.
					said, _, err = y.Check(t.Context(), text)
					require.NoError(t, err)
				}
				assert.Empty(t, complaints(said), "seed %d", *seed+s)
			}
		})
	}
}
