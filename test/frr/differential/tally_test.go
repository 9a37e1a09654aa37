package differential

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// tally sums up outcomes, for each version and generator.
type tally struct {
	mu   sync.Mutex
	rows map[string]*row
	// said counts what FRR said about texts that it does not take.
	said map[string]int
}

type row struct {
	pairs, failed, unsteady, untaken, live, promised, observed int
	kinds                                                      map[Kind]int
	apply, total                                               time.Duration
}

func newTally() *tally { return &tally{rows: map[string]*row{}, said: map[string]int{}} }

func (t *tally) add(v fabric.Version, g Generator, o Outcome, unsteady bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := g.Name() + " | " + string(v)
	r := t.rows[name]
	if r == nil {
		r = &row{kinds: map[Kind]int{}}
		t.rows[name] = r
	}
	r.pairs++
	r.apply, r.total = r.apply+o.Apply, r.total+o.Total
	r.live, r.promised, r.observed = r.live+o.Live, r.promised+len(o.Promised), r.observed+len(o.Observed)
	if len(o.Said) > 0 {
		r.untaken++
		for _, l := range o.Said {
			t.said[string(v)+" "+lineNumber.ReplaceAllString(l, "")]++
		}
	}
	if unsteady {
		r.unsteady++
		return
	}
	if len(o.Differences) > 0 {
		r.failed++
	}
	for _, k := range o.Kinds() {
		r.kinds[k]++
	}
}

func (t *tally) failed() (n int) {
	for _, r := range t.rows {
		n += r.failed
	}
	return n
}

func (t *tally) count() (n int) {
	for _, r := range t.rows {
		n += r.pairs
	}
	return n
}

// table is Markdown, a row for each version and generator.
func (t *tally) table() string {
	var b strings.Builder
	b.WriteString("| generator | FRR | pairs | failed | only once | not taken by FRR | failures by kind | mean apply | mean pair | live sessions | resets promised | resets observed |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	var names []string
	for n := range t.rows {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		r := t.rows[n]
		var kinds []string
		for k, c := range r.kinds {
			kinds = append(kinds, fmt.Sprintf("%s %d", k, c))
		}
		sort.Strings(kinds)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s | %s | %s | %d | %d | %d |\n", n, r.pairs, r.failed, r.unsteady, r.untaken, strings.Join(kinds, ", "),
			(r.apply / time.Duration(r.pairs)).Round(100*time.Microsecond), (r.total / time.Duration(r.pairs)).Round(10*time.Millisecond), r.live, r.promised, r.observed)
	}
	said := slices.SortedFunc(maps.Keys(t.said), func(a, b string) int { return t.said[b] - t.said[a] })
	for _, l := range said[:min(15, len(said))] {
		fmt.Fprintf(&b, "not taken %d times: %s\n", t.said[l], l)
	}
	return b.String()
}

var lineNumber = regexp.MustCompile(`^line \d+: `)
