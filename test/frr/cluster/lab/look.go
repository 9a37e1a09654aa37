package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Eventually waits until ok returns nil.
func (l *Lab) Eventually(what string, ok func() error) {
	l.t.Helper()
	err := ok()
	for end := time.Now().Add(patience); err != nil; err = ok() {
		require.True(l.t, time.Now().Before(end), "not within %s: %s: %v", patience, what, err)
		time.Sleep(30 * time.Millisecond)
	}
}

// Within is the time that a wait may take.
func (l *Lab) Within() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	l.t.Cleanup(cancel)
	return ctx
}

// Sessions are the BGP sessions of a node or a ToR.
func (l *Lab) Sessions(at string) []fabric.Session {
	l.t.Helper()
	sessions, err := l.Node(at).Sessions(l.t.Context())
	require.NoError(l.t, err)
	return sessions
}

// Up waits until a node has as many sessions, all of them up, with BFD where that is configured.
func (l *Lab) Up(node string, neighbors ...string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("the sessions of %s with %q", node, neighbors), func() error {
		var up []string
		for _, s := range l.Sessions(node) {
			if s.State == "Established" && (s.BFD == "" || s.BFD == "Up") {
				up = append(up, s.Neighbor)
			}
		}
		if slices.Sort(up); !slices.Equal(up, slices.Sorted(slices.Values(neighbors))) {
			return fmt.Errorf("up are those with %q", up)
		}
		return nil
	})
}

// Session waits until a node or a ToR has a session with a neighbor that is as it shall be; ok may be nil for one that is up.
func (l *Lab) Session(at, neighbor string, ok func(fabric.Session) bool) fabric.Session {
	l.t.Helper()
	if ok == nil {
		ok = func(s fabric.Session) bool { return s.State == "Established" }
	}
	s, err := l.Node(at).WaitSession(l.Within(), "", neighbor, ok)
	require.NoError(l.t, err)
	return s
}

// Undisturbed does something, and shows that every session that was up at any node or ToR is up still and was never dropped.
func (l *Lab) Undisturbed(do func()) {
	l.t.Helper()
	before := map[string][]fabric.Session{}
	for _, n := range l.Nodes() {
		if n.Version != fabric.None {
			before[n.Name] = l.Sessions(n.Name)
		}
	}
	do()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		require.Empty(l.t, droppedSessions(before[name], l.Sessions(name)), "sessions of %s", name)
	}
}

// Announced waits until exactly these nodes announce a prefix to a ToR; none for nobody.
func (l *Lab) Announced(tor, prefix string, nodes ...string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("%s at %s from %q", prefix, tor, nodes), func() error {
		routes, err := l.Node(tor).Routes(l.t.Context(), "", prefix)
		if err != nil {
			return err
		}
		from := map[string]bool{}
		for _, r := range routes {
			from[nodeOf(r.Peer)] = true
		}
		if got := slices.Sorted(maps.Keys(from)); !slices.Equal(got, slices.Sorted(slices.Values(nodes))) {
			return fmt.Errorf("it comes from %q", got)
		}
		return nil
	})
}

// Table waits until a ToR has exactly these prefixes, of both families.
func (l *Lab) Table(tor string, prefixes ...string) {
	l.t.Helper()
	var want []netip.Prefix
	for _, p := range prefixes {
		want = append(want, netip.MustParsePrefix(p))
	}
	slices.SortFunc(want, netip.Prefix.Compare)
	l.Eventually(fmt.Sprintf("the table of %s is %s", tor, want), func() error {
		got, err := l.prefixes(tor)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("it is %s", got)
		}
		return err
	})
}

func (l *Lab) prefixes(tor string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, family := range []string{"ipv4", "ipv6"} {
		some, err := l.Node(tor).Prefixes(l.t.Context(), "", family)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return all, nil
}

// Condition is what a route shall be like.
type Condition func(fabric.Route) error

// Route waits until a ToR has a route to a prefix that meets all conditions, and returns it.
func (l *Lab) Route(tor, prefix string, conditions ...Condition) fabric.Route {
	l.t.Helper()
	var found fabric.Route
	l.Eventually(fmt.Sprintf("a route to %s at %s", prefix, tor), func() error {
		routes, err := l.Node(tor).Routes(l.t.Context(), "", prefix)
		if err != nil {
			return err
		}
		err = fmt.Errorf("there is none")
		for _, r := range routes {
			if err = meets(r, conditions); err == nil {
				found = r
				return nil
			}
		}
		return err
	})
	return found
}

func meets(r fabric.Route, conditions []Condition) error {
	for _, c := range conditions {
		if err := c(r); err != nil {
			return err
		}
	}
	return nil
}

// Communities are exactly these, standard and large ones.
func Communities(want ...string) Condition {
	slices.Sort(want)
	return func(r fabric.Route) error {
		got := slices.Concat(r.Communities, r.LargeCommunities)
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("its communities are %q, not %q", got, want)
		}
		return nil
	}
}

// LocalPref is the local preference, 100 where none was set. Only routers of the nodes' own AS see it.
func LocalPref(want uint32) Condition {
	return func(r fabric.Route) error {
		if r.LocalPref != want {
			return fmt.Errorf("its local preference is %d, not %d", r.LocalPref, want)
		}
		return nil
	}
}

// Path is the AS path.
func Path(want string) Condition {
	return func(r fabric.Route) error {
		if r.ASPath != want {
			return fmt.Errorf("its AS path is %q, not %q", r.ASPath, want)
		}
		return nil
	}
}

// From is the node that sent it.
func From(node string) Condition {
	return func(r fabric.Route) error {
		if nodeOf(r.Peer) != node {
			return fmt.Errorf("it comes from %s, not %s", r.Peer, node)
		}
		return nil
	}
}

// Problem waits until a sidecar tells of a problem with all these words in its line, and returns the line.
func (l *Lab) Problem(node string, words ...string) string {
	l.t.Helper()
	var found []string
	l.Eventually(fmt.Sprintf("a problem of %s: %q", node, words), func() error {
		status, err := l.Sidecar(node).Status(l.t.Context())
		if err != nil {
			return err
		}
		if found = status.problems(words...); len(found) == 0 {
			return fmt.Errorf("its problems are:\n%s", strings.Join(status.problems(), "\n"))
		}
		return nil
	})
	return found[0]
}

// NoProblem waits until a sidecar tells of no problem with all these words.
func (l *Lab) NoProblem(node string, words ...string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("%s has no problem %q", node, words), func() error {
		status, err := l.Sidecar(node).Status(l.t.Context())
		if err != nil {
			return err
		}
		if found := status.problems(words...); len(found) > 0 {
			return fmt.Errorf("it has:\n%s", strings.Join(found, "\n"))
		}
		return nil
	})
}

// Ready waits until the sidecars of all nodes say that FRR runs what was asked for last.
func (l *Lab) Ready() {
	l.t.Helper()
	for _, s := range l.state.order {
		l.Eventually("the sidecar of "+s.Node+" is ready", func() error { return s.ready(l.t.Context()) })
	}
}

// Running is the running configuration of a node's FRR.
func (l *Lab) Running(node string) string {
	l.t.Helper()
	text, err := l.Node(node).RunningConfig(l.t.Context())
	require.NoError(l.t, err)
	return text
}

// Runs waits until a node's FRR runs a line with these words, RunsNot until none of its lines has them.
func (l *Lab) Runs(node, words string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("%s runs %q", node, words), func() error {
		if text := l.Running(node); !strings.Contains(text, words) {
			return fmt.Errorf("it runs:\n%s", text)
		}
		return nil
	})
}

// RunsNot is the opposite of Runs.
func (l *Lab) RunsNot(node, words string) {
	l.t.Helper()
	l.Eventually(fmt.Sprintf("%s does not run %q", node, words), func() error {
		if text := l.Running(node); strings.Contains(text, words) {
			return fmt.Errorf("it runs:\n%s", text)
		}
		return nil
	})
}

// Stable waits until no session of a node has come or gone for longer than any BFD session needs to find that its other side is gone: FRR sometimes ends a
// BGP session once more while its BFD session comes up. What happened until then is no fault.
func (l *Lab) Stable(node string) {
	l.t.Helper()
	before, since := l.Sessions(node), time.Now()
	l.Eventually("the sessions of "+node+" are stable", func() error {
		now := l.Sessions(node)
		if found := fabric.Disturbed(before, now); len(found) > 0 || slices.ContainsFunc(now, unsettled) {
			before, since = now, time.Now()
			return fmt.Errorf("%q", found)
		}
		if age := time.Since(since); age < stableTime {
			return fmt.Errorf("for %s only", age)
		}
		return nil
	})
	l.Forget()
}

const stableTime = 2 * time.Second

func unsettled(s fabric.Session) bool {
	return s.State != "Established" || s.BFD != "" && s.BFD != "Up"
}
