package faults

import (
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

const (
	hold    = `{metadata: {finalizers: [example.com/hold]}}`
	letItGo = `{metadata: {finalizers: null}}`
)

// What is deleted and held by a finalizer is there until it is gone: its traffic still comes, and its address is still its own.
func TestDeletedWithFinalizers(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		w := l.listen()
		l.Patch("Service", name(11), hold)
		l.Delete("Service", name(11))
		require.NotNil(t, l.Get("Service", name(11)).GetDeletionTimestamp())
		l.Apply(slice(11))
		for _, o := range []struct{ kind, name string }{{"BGPAdvertisement", "all"}, {"IPAddressPool", "pool"}, {"BGPPeer", "tor1"}} {
			l.Patch(o.kind, o.name, hold)
			l.Delete(o.kind, o.name)
			require.NotNil(t, l.Get(o.kind, o.name).GetDeletionTimestamp(), o.kind)
		}
		l.working(20)
		l.restart()
		l.working(21)
		// The EndpointSlice went with its Service until it came again.
		w.heardOnly([]netip.Prefix{address(11), address(20), address(21)}, []netip.Prefix{address(11), address(20), address(21)})
		l.hears(address(11))

		l.Patch("Service", name(11), letItGo)
		l.loses(address(11))
		l.hears(address(10))
		l.Patch("BGPAdvertisement", "all", letItGo)
		l.loses(address(10))
		require.True(t, l.tor.Established())
		l.Patch("BGPPeer", "tor1", letItGo)
		l.eventually("the session ends", func() bool { return !l.tor.Established() })
		l.Patch("IPAddressPool", "pool", letItGo)
	})
}

// slice is the EndpointSlice of a Service.
func slice(n int) string {
	return `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ` + name(n) + `-a, namespace: default, labels: {kubernetes.io/service-name: ` + name(n) + `}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.1], nodeName: node1, conditions: {ready: true}}]
`
}

// crds is the folder of the chart's CRDs.
func crds() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "charts", "frr-renderer", "crds")
}

// The definitions of kinds are removed, with all objects, and come again: what used the objects keeps its last good form, and all else goes on.
func TestCRDsRemovedAndMadeAnew(t *testing.T) {
	alone(t, func(t *testing.T, v fabric.Version) {
		l := newQuietLab(t, v)
		l.Apply(base(manifest.Spec("Community", "names", `communities: [{name: gold, value: "64500:7"}]`),
			manifest.Spec("BFDProfile", "slow", "receiveInterval: 500"))...)
		l.Apply(manifest.Spec("BGPAdvertisement", "all", "communities: [gold]"), manifest.Peer("tor8", "10.0.0.8", 64508, "bfdProfile: slow"))
		l.run()
		l.hears(address(10), address(11))
		l.ready()
		w := l.listen()
		some := envtest.CRDInstallOptions{Paths: []string{filepath.Join(crds(), "metallb.io_communities.yaml"), filepath.Join(crds(), "metallb.io_bfdprofiles.yaml")}, ErrorIfPathMissing: true}
		require.NoError(t, envtest.UninstallCRDs(l.Server(), some))
		l.Problem("node1", "communities.metallb.io", "NotServed")
		l.Problem("node1", "bfdprofiles.metallb.io", "NotServed")
		l.working(20)
		l.restart()
		l.working(21)
		running := l.Running("node1")
		require.Contains(t, running, "64500:7")
		require.Contains(t, running, "neighbor 10.0.0.8 bfd profile slow")
		w.heardOnly(addresses(20, 22), addresses(20, 22))

		// A kind that is removed may be kept by the API server for a while yet.
		l.Eventually("the definitions are installed again", func() error {
			_, err := envtest.InstallCRDs(l.Server(), some)
			return err
		})
		l.Eventually("objects can be written again", func() error {
			if l.Get("Community", "names") == nil {
				return l.TryApply(manifest.Spec("Community", "names", `communities: [{name: gold, value: "64500:8"}]`))
			}
			return nil
		})
		_, err := l.tor.WaitUpdate(l.within(), w.mark, hasCommunity("64500:8"))
		require.NoError(t, err)
		l.NoProblem("node1", "communities.metallb.io")
		require.Equal(t, w.sessions, l.tor.Sessions())
	})
}

// hasCommunity finds an UPDATE whose routes have a community.
func hasCommunity(c string) func(gobgp.Update) bool {
	return func(u gobgp.Update) bool {
		return slices.ContainsFunc(u.Announced, func(p gobgp.Path) bool { return slices.Contains(p.Communities, c) })
	}
}
