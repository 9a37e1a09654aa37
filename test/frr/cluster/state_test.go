package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// What is wrong with objects, who is told, and what goes on working meanwhile: MetalLB's configurationstatetests. MetalLB asks whether a node's configuration is
// valid; here each scenario asks, too, that what is well goes on: "web" stays announced, and new Services are.
func TestConfigurationState(t *testing.T) {
	const prefix = "192.0.2.10/32"
	onlyNode1 := func(name, fields string) string { return peer(name, "10.0.0.9", 64509, fields, onNode("node1")) }
	// works shows that the rest of the configuration goes on, for changes, too.
	works := func(l *lab.Lab) {
		l.Apply(web2)
		l.Announced("tor1", "192.0.2.20/32", "node1", "node2")
		l.Delete("Service", "web2")
		l.Announced("tor1", "192.0.2.20/32")
		l.Announced("tor1", prefix, "node1", "node2")
	}
	start := func(l *lab.Lab) {
		l.Apply(pool, adv, toTor1, web)
		l.Announced("tor1", prefix, "node1", "node2")
		l.NoProblem("node1")
		l.NoProblem("node2")
		state(l, "node1", "Valid")
		state(l, "node2", "Valid")
	}
	family(t, twoNodes, []scenario{
		{"all-valid", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Ready()
			works(l)
			l.NoProblem("node1")
		}},
		{"a-secret-of-the-wrong-type-concerns-the-selected-node-only", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(object("Secret", "md5", "type: Opaque\nstringData: {password: right}"), onlyNode1("secured", "passwordSecret: {name: md5}"))
				l.Problem("node1", "error BGPPeer.metallb.io", "/secured", "InvalidSecret")
				state(l, "node1", "Invalid", "/secured", "InvalidSecret")
				works(l)
				l.NoProblem("node2", "error")
				state(l, "node2", "Valid")
				l.Delete("Secret", "md5")
				l.Problem("node1", "/secured", "UnknownSecret")
				l.Apply(secret("md5", "right"))
				l.NoProblem("node1")
				state(l, "node1", "Valid")
				l.Runs("node1", "neighbor 10.0.0.9 password")
			})
		}},
		{"a-bfd-profile-that-is-missing", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(onlyNode1("fast", "bfdProfile: fast"))
				l.Problem("node1", "/fast", "UnknownBFDProfile")
				l.RunsNot("node1", "10.0.0.9")
				works(l)
				l.Apply(spec("BFDProfile", "fast", "receiveInterval: 300"))
				l.NoProblem("node1")
				l.Runs("node1", "neighbor 10.0.0.9 bfd profile fast")
			})
		}},
		{"a-reference-that-breaks-at-runtime", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Apply(spec("BFDProfile", "fast", "receiveInterval: 300"), onlyNode1("fast", "bfdProfile: fast"))
			l.Runs("node1", "neighbor 10.0.0.9 bfd profile fast")
			l.Undisturbed(func() {
				l.Delete("BFDProfile", "fast")
				l.Problem("node1", "/fast", "UnknownBFDProfile", "last good form")
				l.Runs("node1", "neighbor 10.0.0.9 bfd profile fast")
				works(l)
				l.Apply(spec("BFDProfile", "fast", "receiveInterval: 400"))
				l.NoProblem("node1")
				l.Runs("node1", "receive-interval 400")
			})
		}},
		{"a-community-that-is-missing", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(advert("named", "communities: [silver]"))
				for _, n := range []string{"node1", "node2"} {
					l.Problem(n, "BGPAdvertisement.metallb.io", "/named", "UnknownCommunity")
				}
				works(l)
				l.Route("tor1", prefix, lab.Communities())
				l.Apply(spec("Community", "names", "communities: [{name: silver, value: '65000:2'}]"))
				l.Route("tor1", prefix, lab.Communities("65000:2"))
				l.NoProblem("node1")
				// It is taken away again: what was announced stays announced as it was.
				l.Delete("Community", "names")
				l.Problem("node1", "/named", "UnknownCommunity", "last good form")
				l.Route("tor1", prefix, lab.Communities("65000:2"))
				works(l)
				l.Apply(spec("Community", "other", "communities: [{name: silver, value: '65000:3'}]"))
				l.Route("tor1", prefix, lab.Communities("65000:3"))
				l.NoProblem("node2")
			})
		}},
		{"errors-one-after-the-other", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(onlyNode1("one", "bfdProfile: nothing"), onlyNode1("two", "passwordSecret: {name: nothing}"), spec("BGPPeer", "three", "myASN: 64500, peerASN: 64509, peerAddress: nowhere"))
				for name, reason := range map[string]string{"one": "UnknownBFDProfile", "two": "UnknownSecret", "three": "InvalidValue"} {
					l.Problem("node1", "/"+name, reason)
				}
				for _, name := range []string{"two", "one", "three"} {
					l.Delete("BGPPeer", name)
					l.NoProblem("node1", "/"+name)
					works(l)
					if name != "three" {
						state(l, "node1", "Invalid", "/three")
					}
				}
				state(l, "node1", "Valid")
				state(l, "node2", "Valid")
				l.NoProblem("node1")
				l.NoProblem("node2")
			})
		}},
		{"a-label-makes-two-peers-meet", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Label("Node", "node1", "rack", "a")
			l.Label("Node", "node2", "rack", "b")
			l.Apply(peer("x-old", "10.0.0.9", 64509, "nodeSelectors: [{matchLabels: {rack: a}}]"))
			l.Apply(peer("y-new", "10.0.0.9", 64510, "nodeSelectors: [{matchLabels: {rack: b}}, {matchLabels: {also: b}}]"))
			l.Runs("node1", "neighbor 10.0.0.9 remote-as 64509")
			l.Runs("node2", "neighbor 10.0.0.9 remote-as 64510")
			l.Undisturbed(func() {
				l.Label("Node", "node1", "also", "b")
				l.Problem("node1", "/y-new", "ConflictingPeer")
				works(l)
				state(l, "node1", "Invalid", "/y-new")
				state(l, "node2", "Valid")
				l.Runs("node1", "neighbor 10.0.0.9 remote-as 64509")
				l.Label("Node", "node1", "also", "-")
				state(l, "node1", "Valid")
			})
		}},
		{"other-nodes-peers-are-not-this-nodes-problem", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(spec("BGPPeer", "elsewhere", "myASN: 65099, peerASN: 64509, peerAddress: 10.0.0.9, "+onNode("node2")))
				l.Problem("node2", "/elsewhere", "ConflictingASN")
				works(l)
				l.NoProblem("node1", "error")
			})
		}},
		{"a-state-object-that-is-deleted-comes-back", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Apply(onlyNode1("fast", "bfdProfile: fast"))
			for _, want := range []struct{ node, result string }{{"node1", "Invalid"}, {"node2", "Valid"}} {
				state(l, want.node, want.result)
				name := "speaker-" + l.NodeName(want.node)
				before := l.Get("ConfigurationState", name).GetUID()
				l.Delete("ConfigurationState", name)
				l.Eventually("a new ConfigurationState of "+want.node, func() error {
					if o := l.Get("ConfigurationState", name); o == nil || o.GetUID() == before {
						return fmt.Errorf("there is none")
					}
					return nil
				})
				state(l, want.node, want.result)
			}
		}},
		{"pools-that-overlap", func(t *testing.T, l *lab.Lab) {
			start(l)
			l.Undisturbed(func() {
				l.Apply(spec("IPAddressPool", "zz-late", "addresses: [192.0.2.128/25]"))
				l.Problem("node1", "IPAddressPool", "/zz-late", "OverlappingPool")
				works(l)
				l.Patch("IPAddressPool", "zz-late", `{spec: {addresses: [198.51.100.0/24]}}`)
				l.NoProblem("node1")
			})
		}},
		{"what-the-api-server-refuses-itself", func(t *testing.T, l *lab.Lab) {
			for _, text := range []string{
				spec("BGPPeer", "a", "myASN: 4294967296, peerASN: 64501, peerAddress: 10.0.0.1"),
				spec("BGPPeer", "a", "myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.1, peerPort: 20000"),
				spec("BFDProfile", "a", "detectMultiplier: 1"),
				spec("BFDProfile", "a", "minimumTtl: 255"),
				strings.Replace(peer("a", "10.0.0.1", 64501), "v1beta2", "v1beta1", 1),
			} {
				require.NotEmpty(t, l.Refused(text))
			}
		}},
	})
}

// A node with three broken objects among a hundred good ones announces the hundred and names the three, also after a restart of the sidecar, of FRR, and of both.
func TestThreeBrokenObjectsAmongAHundred(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, oneNode(v, other))
		l.Run()
		texts := []string{pool4, peer("tor1", "10.0.0.1", 64501), peer("tor2", "10.0.0.2", 64502)}
		want := []string{}
		for i := range 48 {
			texts = append(texts, advert(fmt.Sprintf("adv%02d", i), fmt.Sprintf("communities: ['65000:%d'], serviceSelectors: [{matchLabels: {app: a%d}}]", i+1, i)),
				withLabels(fmt.Sprintf("web%02d", i), fmt.Sprintf("app: a%d", i), fmt.Sprint("192.0.2.", i+1)))
			want = append(want, fmt.Sprintf("192.0.2.%d/32", i+1))
		}
		broken := []string{
			peer("broken-peer", "10.0.0.9", 64509, "passwordSecret: {name: nothing}"),
			spec("IPAddressPool", "broken-pool", "addresses: [192.0.2.300-192.0.2.301]"),
			advert("broken-adv", "communities: [no-such-alias]"),
		}
		l.Apply(append(texts, broken...)...)
		holds := func() {
			t.Helper()
			l.Table("tor1", want...)
			l.Table("tor2", want...)
			l.Route("tor1", "192.0.2.48/32", lab.Communities("65000:48"))
			for _, name := range []string{"/broken-peer", "/broken-pool", "/broken-adv"} {
				l.Problem("node1", "error", name)
			}
			status, err := l.Sidecar("node1").Status(t.Context())
			require.NoError(t, err)
			require.Len(t, status.Problems, 3)
			l.Ready()
		}
		holds()
		l.Undisturbed(func() {
			l.Sidecar("node1").Stop()
			l.Sidecar("node1").Start()
			holds()
		})
		l.Forget()
		require.NoError(t, l.Node("node1").Restart(t.Context()))
		holds()
		l.Sidecar("node1").Kill()
		require.NoError(t, l.Node("node1").Restart(t.Context()))
		l.Sidecar("node1").Start()
		holds()

		// What worked and is broken while nobody looks goes on working after the restart.
		l.Forget()
		l.Undisturbed(func() {
			l.Sidecar("node1").Stop()
			l.Patch("BGPPeer", "tor1", `{spec: {peerAddress: nowhere}}`)
			l.Patch("BGPAdvertisement", "adv00", `{spec: {communities: [no-such-alias]}}`)
			l.Patch("IPAddressPool", "pool4", `{spec: {addresses: [nothing]}}`)
			l.Sidecar("node1").Start()
			for _, name := range []string{"/tor1", "/adv00", "/pool4"} {
				l.Problem("node1", "error", name, "last good form")
			}
			l.Apply(withLabels("late", "app: a1", "192.0.2.200"))
			want = append(want, "192.0.2.200/32")
			l.Table("tor1", want...)
			l.Table("tor2", want...)
		})
	})
}
