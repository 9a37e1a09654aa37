package cluster

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
)

// attributes of a route, as far as the world knows any.
type attributes struct {
	communities []string
	localPref   uint32
}

// expect is the table of a ToR.
func (w *world) expect(tor string) map[string]attributes {
	out := map[string]attributes{}
	p := w.good["BGPPeer "+tor]
	if p == nil || w.excluded || p.rack != "" && p.rack != w.rack {
		return out
	}
	for _, name := range sorted(catalogue) {
		if kind, _, _ := strings.Cut(name, " "); kind != "Service" || w.good[name] == nil {
			continue
		}
		service := w.good[name]
		pool, allowed := w.poolOf(service)
		if !allowed || service.endpoint == "" || service.local && service.endpoint != "node1" {
			continue
		}
		for _, a := range service.addresses {
			address := netip.MustParseAddr(a)
			if address.Is4() || p.dual {
				w.announce(out, tor, service, pool, address)
			}
		}
	}
	for prefix, a := range out {
		slices.Sort(a.communities)
		a.communities = slices.Compact(a.communities)
		if a.localPref == 0 {
			a.localPref = 100
		}
		out[prefix] = a
	}
	return out
}

// announce adds what the advertisements make of one address.
func (w *world) announce(out map[string]attributes, tor string, service *form, pool string, address netip.Addr) {
	for name, adv := range w.good {
		kind, _, _ := strings.Cut(name, " ")
		if kind != "BGPAdvertisement" || !covers(adv.pools, pool) || !covers(adv.peers, tor) || adv.app != "" && adv.app != service.app {
			continue
		}
		bits := address.BitLen()
		if adv.bits != 0 && address.Is4() {
			bits = adv.bits
		}
		prefix := netip.PrefixFrom(address, bits).Masked().String()
		a := out[prefix]
		a.communities = append(a.communities, w.wide[name]...)
		a.localPref = max(a.localPref, adv.localPref)
		out[prefix] = a
	}
}

// poolOf is the one pool that holds all addresses of a Service.
func (w *world) poolOf(service *form) (pool string, found bool) {
	for _, name := range []string{"a", "b"} {
		good := w.good["IPAddressPool "+name]
		if good == nil || len(service.addresses) == 0 {
			continue
		}
		holdsAll := !slices.ContainsFunc(service.addresses, func(a string) bool {
			return !slices.ContainsFunc(good.prefixes, func(p string) bool { return netip.MustParsePrefix(p).Contains(netip.MustParseAddr(a)) })
		})
		if holdsAll {
			return name, true
		}
	}
	return "", false
}

// covers tells whether a list that chooses all when it is empty has a name.
func covers(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// model is the product's own pure part, given the objects as the API server has them: what the node is to run after each step.
type model struct {
	l    *lab.Lab
	last translate.LastGood
}

func newModel(l *lab.Lab) *model { return &model{l: l} }

// settles waits until the node runs what translate makes of the objects, and of what worked before, and tells of the same problems.
func (m *model) settles(t *testing.T) {
	t.Helper()
	snap, err := snapshot.New(m.l.Objects(), m.l.NodeName("node1"), snapshot.Options{Namespace: m.l.Namespace, LoadBalancerClass: m.l.Class})
	require.NoError(t, err)
	result := translate.Translate(snap, m.last)
	renderer, err := render.New(nil)
	require.NoError(t, err)
	document, err := renderer.Render(result.Config)
	require.NoError(t, err)
	want := lines(result.Problems)
	m.l.Eventually("the node runs what its objects come to", func() error {
		status, err := m.l.Sidecar("node1").Status(t.Context())
		switch {
		case err != nil:
			return err
		case status.Failure != "":
			return fmt.Errorf("it says: %s", status.Failure)
		case status.Digest != document.Digest:
			return fmt.Errorf("it runs %s, not %s:\n%s", status.Digest, document.Digest, document.Text)
		case lines(status.Problems) != want:
			return fmt.Errorf("its problems are\n%s\nand not\n%s", lines(status.Problems), want)
		}
		return nil
	})
	m.last = result.LastGood
}

func lines(problems []problem.Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
