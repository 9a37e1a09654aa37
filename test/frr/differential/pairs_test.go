package differential

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// go test ./test/frr/differential -run TestPairs -seed 7 -pairs 2000 -lanes 8 -timeout 10h
var (
	from     = flag.Int("from", 0, "the first pair")
	made     = flag.String("generator", "", "grammar, wide, product or each, instead of the first three")
	keepAll  = flag.Bool("keep-all", false, "write the pairs that pass to -keep too")
	with     = flag.String("tool", "engine", "engine, or frr-reload to see how that does")
	defaults = map[string]string{"pairs": "36", "lanes": "8", "keep": "/tmp/frr-renderer-pairs"}
)

var tools = map[string]tool{"engine": engine{}, "frr-reload": frrReload{}}

// attempts is how often a pair must differ to count as failed.
const attempts = 3

// job is one chain, or what of it is to run.
type job struct {
	version   fabric.Version
	generator Generator
	number    uint64
	indices   []int // of the pairs in the run
	known     *looks
}

func (j job) pairs() []Pair { return chained(j.generator, *seed, j.number, j.version) }

// TestPairs runs generated pairs. A pair that fails is written to -keep and named with the flags that run it again.
func TestPairs(t *testing.T) {
	setDefaults(t)
	jobs := map[fabric.Version][]job{}
	total := 0
	for _, v := range versions(t) {
		for _, g := range generators(t) {
			all := chains(v, g)
			jobs[v] = append(jobs[v], all...)
			total += len(all)
		}
	}
	tally := newTally()
	var wg sync.WaitGroup
	for v, list := range jobs {
		// Each version gets its share of the lanes.
		share := min(max(1, *lanes/len(jobs)), len(list))
		slices.SortStableFunc(list, func(a, b job) int {
			return cmp.Compare(len(vrfs(a)), len(vrfs(b)))
		})
		queue := make(chan job, len(list))
		for _, j := range list {
			queue <- j
		}
		close(queue)
		for range share {
			wg.Go(func() { work(t, v, queue, tally) })
		}
	}
	wg.Wait()
	fmt.Println(tally.table())
	if tally.failed() > 0 {
		t.Errorf("%d of %d pairs failed", tally.failed(), tally.count())
	}
}

// setDefaults gives the flags that are not set the size of a run in CI.
func setDefaults(t *testing.T) {
	t.Helper()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range defaults {
		if !set[name] {
			require.NoError(t, flag.Set(name, value))
		}
	}
}

// machine is held by whoever runs a pair, and alone by who runs one for the last time.
var machine sync.RWMutex

// sharing runs a pair beside those of other lanes, or alone.
func sharing(t *testing.T, l *lane, p Pair, alone bool) (Outcome, error) {
	wait, done := machine.RLock, machine.RUnlock
	if alone {
		wait, done = machine.Lock, machine.Unlock
	}
	wait()
	defer done()
	return once(t, l, p)
}

// work is one lane. A lane that breaks is built anew.
func work(t *testing.T, v fabric.Version, queue <-chan job, tally *tally) {
	var l *lane
	defer func() {
		if l != nil {
			l.close()
		}
	}()
	for j := range queue {
		all := j.pairs()
		for _, index := range j.indices {
			if l != nil && len(l.stands[0].dut.Spec.VRFs) != len(vrfs(j)) {
				l.close()
				l = nil
			}
			if l == nil {
				if l = build(t, j); l == nil {
					return
				}
			}
			p := all[index%length(j.generator)]
			o, err := sharing(t, l, p, false)
			unsteady := false
			// On a busy machine FRR itself does not always come to the same end, or to any. What is the engine's doing comes again, at last alone.
			for attempt := 1; attempt < attempts && *with == "engine" && len(o.Differences) > 0 && !unsteady; attempt++ {
				l.stands[0].runs = ""
				if err != nil {
					l.close()
					if l = build(t, j); l == nil {
						return
					}
				}
				var again Outcome
				again, err = sharing(t, l, p, attempt == attempts-1)
				if len(again.Differences) > 0 {
					o = again
				} else {
					unsteady = true
				}
			}
			tally.add(v, j.generator, o, unsteady)
			name := fmt.Sprintf("%s-%d-%d-%s", j.generator.Name(), *seed, index, v)
			if *keepAll && len(o.Differences) == 0 {
				write(t, "pass-"+name, p, o)
			}
			if len(o.Differences) > 0 {
				verdict := "FAIL"
				if unsteady {
					verdict = "UNSTEADY"
				}
				write(t, strings.ToLower(verdict)+"-"+name, p, o)
				fmt.Printf("%s %s %v: %s\n     again: go test ./test/frr/differential -run TestPairs -generator %s -seed %d -from %d -pairs 1 -frr %s\n",
					verdict, name, o.Kinds(), first(o.Differences[0].String()), j.generator.Name(), *seed, index, v)
			}
			if err != nil {
				_ = l.fabric.SaveLogs(context.Background(), filepath.Join(*keep, "logs-"+name))
				l.close()
				l = nil
			}
		}
	}
}

// build makes the lane for a chain.
func build(t *testing.T, j job) *lane {
	l, err := newLane(t.Context(), j.version, vrfs(j), tools[*with])
	if err != nil {
		t.Error(err)
		return nil
	}
	l.known = j.known
	return l
}

func vrfs(j job) []string {
	if kernelVRFs(j.generator, j.version, j.number) {
		return []string{vrf}
	}
	return nil
}

// once runs a pair; what breaks the laboratory is a difference too.
func once(t *testing.T, l *lane, p Pair) (Outcome, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o, err := l.run(ctx, p)
	if err != nil {
		o.differ(Failure, "laboratory: %v", err)
	}
	return o, err
}

func first(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " ..."
	}
	return line
}

// chains are the jobs of a version and a generator.
func chains(v fabric.Version, g Generator) []job {
	var out []job
	var known *looks
	end := *from + *pairs
	if w, ok := g.(walker); ok {
		end, known = min(end, w.Pairs(v)), newLooks()
	}
	for i := *from; i < end; i++ {
		n := uint64(i / length(g))
		if len(out) == 0 || out[len(out)-1].number != n {
			out = append(out, job{version: v, generator: g, number: n, known: known})
		}
		last := &out[len(out)-1]
		last.indices = append(last.indices, i)
	}
	return out
}

func versions(t *testing.T) []fabric.Version {
	all := fabric.Versions()
	if *only != "" {
		all = []fabric.Version{fabric.Version(*only)}
	}
	for _, v := range all {
		fabric.Require(t, v)
	}
	return all
}

func generators(t *testing.T) []Generator {
	all := []Generator{Grammar{}, Wide{}, Product{}}
	if *made == "" {
		return all
	}
	all = append(all, Each{})
	i := slices.IndexFunc(all, func(g Generator) bool { return g.Name() == *made })
	require.GreaterOrEqual(t, i, 0, "no such generator")
	return all[i : i+1]
}

// write keeps a pair that failed.
func write(t *testing.T, name string, p Pair, o Outcome) {
	dir := filepath.Join(*keep, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Error(err)
		return
	}
	var text strings.Builder
	for _, d := range o.Differences {
		fmt.Fprintf(&text, "%s\n\n", d)
	}
	fmt.Fprintf(&text, "plan:\n%s\nFRR about a fresh B:\n%s\npromised resets: %v\nobserved resets: %v\n", o.Plan, strings.Join(o.Said, "\n"), o.Promised, o.Observed)
	for file, content := range map[string]string{"a.conf": p.A, "b.conf": p.B, "outcome.txt": text.String()} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Error(err)
		}
	}
	if !p.Whole {
		_ = os.WriteFile(filepath.Join(dir, "product"), nil, 0o644)
	}
}

// TestKeptPairs replays the pairs that failed once, testdata/pairs/NAME/{a,b}.conf, on every version or on the one that the file
// "version" names. A file "product" tells that they are documents of the product.
func TestKeptPairs(t *testing.T) {
	setDefaults(t)
	for _, v := range versions(t) {
		dirs := keptPairs(t, v)
		queue := make(chan string, len(dirs))
		for _, dir := range dirs {
			queue <- dir
		}
		close(queue)
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			var wg sync.WaitGroup
			for range max(1, *lanes/2) {
				wg.Go(func() { replay(t, v, queue) })
			}
			wg.Wait()
		})
	}
}

// replay is one lane of kept pairs.
func replay(t *testing.T, v fabric.Version, queue <-chan string) {
	l := build(t, job{version: v})
	if l == nil {
		return
	}
	defer func() { l.close() }()
	for dir := range queue {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := keptPair(t, dir)
			o, err := sharing(t, l, p, false)
			for attempt := 1; attempt < attempts && err == nil && len(o.Differences)+len(o.Said) > 0; attempt++ {
				l.stands[0].runs = ""
				o, err = sharing(t, l, p, attempt == attempts-1)
			}
			// Then nothing was compared.
			for _, said := range o.Said {
				t.Errorf("FRR %s does not take all of b.conf: %s", v, said)
			}
			for _, d := range o.Differences {
				t.Error(d)
			}
			if t.Failed() {
				t.Logf("plan:\n%s", o.Plan)
			}
			if err != nil {
				l.close()
				l = build(t, job{version: v})
				require.NotNil(t, l)
			}
		})
	}
}

// keptPairs are the folders of the pairs for a version.
func keptPairs(t *testing.T, v fabric.Version) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/pairs/*")
	require.NoError(t, err)
	dirs = slices.DeleteFunc(dirs, func(dir string) bool {
		only, err := os.ReadFile(filepath.Join(dir, "version"))
		return err == nil && strings.TrimSpace(string(only)) != string(v)
	})
	require.NotEmpty(t, dirs)
	return dirs
}

func keptPair(t *testing.T, dir string) Pair {
	t.Helper()
	a, err := os.ReadFile(filepath.Join(dir, "a.conf"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "b.conf"))
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(dir, "product"))
	return Pair{string(a), string(b), err != nil}
}
