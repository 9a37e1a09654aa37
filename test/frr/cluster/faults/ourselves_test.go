package faults

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// The product is killed at any moment while Services come and go, and started again.
func TestKilledAtAnyMoment(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		w := l.listen()
		kills := 8
		if *long {
			kills = 100
		}
		for i := range kills {
			n := 20 + i
			l.Apply(service(n))
			if i > 0 {
				l.Delete("Service", name(n-1))
			}
			time.Sleep(rand.N(1500 * time.Millisecond)) // any moment, of its start too
			l.restart()
		}
		last := 20 + kills - 1
		l.hears(address(10), address(11), address(last))
		l.loses(addresses(20, last)...)
		l.quietBut(w, 20, last+1)
		returns(t, l.tor.Since(w.mark))
	})
}

// returns shows that nothing that was withdrawn has been announced again.
func returns(t *testing.T, updates []gobgp.Update) {
	t.Helper()
	gone := map[string]bool{}
	for _, u := range updates {
		for _, p := range u.Withdrawn {
			gone[p.Prefix.String()] = true
		}
		for _, p := range u.Announced {
			require.False(t, gone[p.Prefix.String()], "%s was withdrawn, and returns", p.Prefix)
		}
	}
}

// second is another product on the same FRR, by a way of its own to the API server; its addresses are others, and its log is read by a function.
func (l *faultLab) second(at way) (*fabric.Program, func() string) {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), "second.log")
	log, err := os.Create(path)
	require.NoError(l.t, err)
	defer log.Close()
	cmd := l.node.Command(context.Background(), product.Path(l.t), "run", "--node", l.side.Node, "--kubeconfig", at.kubeconfig, "--namespace", l.Namespace,
		"--lb-class", l.Class, "--drift-interval", "500ms", "--health-addr", "127.0.0.1:17999", "--metrics-addr", "127.0.0.1:17999")
	cmd.Stdout, cmd.Stderr = log, log
	p, err := fabric.Start(cmd)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = p.End(unix.SIGKILL) })
	return p, func() string {
		text, _ := os.ReadFile(path)
		return string(text)
	}
}

// Two products are on one FRR, and one of them knows an older cluster: the first one has FRR for itself as long as it lives, and the other one takes
// over then.
func TestTwoProductsOnOneFRR(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v, "--drift-interval", "500ms")
		l.ready()
		w := l.listen()
		other := l.newWay()
		_, log := l.second(other)
		l.eventually("the second one waits", func() bool { return strings.Contains(log(), "another frr-renderer") })
		l.gate.Shut() // the first one is cut off now
		l.Apply(service(12))
		l.outage()
		w.heardNothing()
		l.side.Kill()
		l.hears(address(12))
		l.Delete("Service", name(12))
		l.loses(address(12))
		w.heardOnly(addresses(12, 13), addresses(12, 13))
		returns(t, slices.Concat(l.tor.Since(w.mark)))
	})
}
