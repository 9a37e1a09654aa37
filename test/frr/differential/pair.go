package differential

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Pair is two configurations of one FRR.
type Pair struct {
	A, B string
	// Whole tells that they are all of FRR's configuration, not what the product renders.
	Whole bool
}

// Generator makes a chain of configurations: each is the one before with a few changes, or another one.
type Generator interface {
	Name() string
	Whole() bool
	// Chain returns n configurations.
	Chain(r *rand.Rand, version fabric.Version, n int) []string
}

// walker is a Generator whose pairs can be counted.
type walker interface {
	Generator
	// Pairs is how many pairs there are, Part some of their configurations, n or what is left.
	Pairs(version fabric.Version) int
	Part(from int, version fabric.Version, n int) []string
}

// chain is how many pairs follow from one another: B of one is A of the next, so that it needs not be loaded again. walked is how many of a
// walk do, which seldom loads.
const chain, walked = 8, 48

func length(g Generator) int {
	if _, ok := g.(walker); ok {
		return walked
	}
	return chain
}

// chained returns the pairs of one chain; pair i of a run is pair i%length(g) of chain i/length(g).
func chained(g Generator, seed, number uint64, version fabric.Version) []Pair {
	var texts []string
	if w, ok := g.(walker); ok {
		texts = w.Part(int(number)*walked, version, walked+1)
	} else {
		texts = g.Chain(rand.New(rand.NewPCG(seed, number)), version, chain+1)
	}
	if g.Whole() && kernelVRFs(g, version, number) {
		for i := range texts {
			texts[i] = suited(version, texts[i])
		}
	}
	var out []Pair
	for i := range len(texts) - 1 {
		out = append(out, Pair{texts[i], texts[i+1], g.Whole()})
	}
	return out
}

// Kind is what a difference is of.
type Kind string

// The kinds of differences.
const (
	Configuration Kind = "configuration"
	SecondPlan    Kind = "second plan"
	RefusedLines  Kind = "refused lines"
	Tables        Kind = "tables"
	Sessions      Kind = "sessions"
	Timers        Kind = "timers"
	BFD           Kind = "bfd"
	Resets        Kind = "resets"
	Failure       Kind = "error"
)

// Difference is one way in which a reloaded FRR is not what it should be.
type Difference struct {
	Kind Kind
	Text string
}

func (d Difference) String() string { return fmt.Sprintf("%s: %s", d.Kind, d.Text) }

// Outcome is what one pair came to.
type Outcome struct {
	Differences []Difference
	Plan        reload.Plan
	// Said is what FRR said about B when it was loaded.
	Said []string
	// Apply is how long the reload took, Total how long the pair took.
	Apply, Total time.Duration
	// Promised and Observed are the resets of sessions that were up before.
	Promised, Observed []string
	// Live counts sessions that were up before.
	Live int
}

func (o *Outcome) differ(kind Kind, format string, args ...any) {
	o.Differences = append(o.Differences, Difference{kind, fmt.Sprintf(format, args...)})
}

// Kinds are those of the differences, each once, in order.
func (o *Outcome) Kinds() []Kind {
	var out []Kind
	seen := map[Kind]bool{}
	for _, d := range o.Differences {
		if !seen[d.Kind] {
			seen[d.Kind] = true
			out = append(out, d.Kind)
		}
	}
	return out
}
