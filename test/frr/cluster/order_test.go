package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var (
	seed   = flag.Uint64("seed", 1, "of the random steps and orders")
	steps  = flag.Int("steps", 40, "how many random steps")
	orders = flag.Int("orders", 4, "how many orders in which objects come, change and go")
)

// threeTors are one in an AS of its own that has BFD (10.3 begins no session while BFD is down), one in the node's, and one that asks for a password.
func threeTors(v, other fabric.Version) fabric.Topology {
	first := lab.Tor(other, 64501)
	first.Config += "bfd\n peer 10.0.0.11 interface eth0\n exit\nexit\n"
	return lab.Rack(v, 1, first, lab.InternalTor(v, 64500), lab.Tor(other, 64503, "password right"))
}

// Random steps, each a change of one object: it is created, replaced by another form of it that may be broken or refer to what is not there, or deleted; a label
// of the node changes; the sidecar or FRR is started anew. After each step the node runs what translate makes of the objects at the API server and of what worked
// before, and every ToR's table is what a second, simpler model says (world.expect), attribute by attribute. That no session drops that no plan has
// announced, the lab looks after.
func TestEveryStepComesToWhatTheObjectsSay(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, threeTors(v, other))
		l.Run()
		random := &dice{rand.New(rand.NewPCG(*seed, uint64(len(v)))), t}
		w, m := newWorld(), newModel(l)
		for i := range *steps + 1 {
			s := w.whole()
			if i > 0 {
				s = w.step(random)
			}
			t.Logf("-seed %d, step %d: %s", *seed, i, s.name)
			s.do(l)
			w.settle()
			m.settles(t)
			w.holds(t, l)
		}
		require.Greater(t, w.seen, *steps, "so few routes that little was shown: choose another seed")
		t.Logf("%d routes in %d steps", w.seen, *steps)
	})
}

// Objects of every kind come in some order, change in another and go in a third, as fast as the API server takes them: between these, what came of it does not depend on
// the order.
func TestEveryOrderComesToTheSame(t *testing.T) {
	type thing struct{ kind, name, first, second string }
	things := []thing{
		{"IPAddressPool", "pool4", pool4, strings.Replace(pool4, "192.0.2.0/24", "192.0.2.0/25", 1)},
		{"Community", "names", spec("Community", "names", "communities: [{name: silver, value: '65000:2'}]"), spec("Community", "names", "communities: [{name: silver, value: '65000:22'}]")},
		{"BGPAdvertisement", "all", advert("all", "communities: [silver]"), advert("all", "communities: [silver, '65000:9'], peers: [tor1, tor3]")},
		{"BFDProfile", "fast", spec("BFDProfile", "fast", "receiveInterval: 300"), spec("BFDProfile", "fast", "receiveInterval: 400")},
		{"BGPPeer", "tor1", peer("tor1", "10.0.0.1", 64501, "bfdProfile: fast"), peer("tor1", "10.0.0.1", 64501, "bfdProfile: fast", dual)},
		{"BGPPeer", "tor3", peer("tor3", "10.0.0.3", 64503, "passwordSecret: {name: md5}"), peer("tor3", "10.0.0.3", 64503, "passwordSecret: {name: md5}", "holdTime: 30s")},
		{"Secret", "md5", secret("md5", "right"), object("Secret", "md5", "type: kubernetes.io/basic-auth\nstringData: {password: right, username: somebody}")},
		{"Service", "web", labelled("web", "", "Local", "192.0.2.10"), labelled("web", "", "Cluster", "192.0.2.10", "192.0.2.20")},
		{"EndpointSlice", "web-a", slice("web", on("node1")), slice("web", on("node2"))},
	}
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, threeTors(v, other))
		l.Run()
		random := rand.New(rand.NewPCG(*seed, uint64(len(v))))
		inOrder := func(what string, do func(thing)) {
			order := random.Perm(len(things))
			t.Logf("-seed %d: %s in the order %v", *seed, what, order)
			for _, i := range order {
				do(things[i])
			}
		}
		for range *orders {
			inOrder("created", func(x thing) { l.Apply(x.first) })
			for _, tor := range []string{"tor1", "tor3"} {
				l.Table(tor, "192.0.2.10/32")
				l.Route(tor, "192.0.2.10/32", lab.Communities("65000:2"))
			}
			l.NoProblem("node1")
			inOrder("changed", func(x thing) { l.Apply(x.second) })
			for _, tor := range []string{"tor1", "tor3"} {
				l.Table(tor, "192.0.2.10/32", "192.0.2.20/32")
				l.Route(tor, "192.0.2.20/32", lab.Communities("65000:22", "65000:9"))
				l.Route(tor, "192.0.2.10/32", lab.Communities("65000:22", "65000:9"))
			}
			l.NoProblem("node1")
			inOrder("deleted", func(x thing) {
				if l.Get(x.kind, x.name) != nil { // the slice goes with its Service
					l.Delete(x.kind, x.name)
				}
			})
			l.Clear()
		}
	})
}

// dice are thrown for a test.
type dice struct {
	*rand.Rand
	t *testing.T
}

// step is one change.
type step struct {
	name string
	do   func(*lab.Lab)
}

// world is what a person would say that the objects mean, for a part of what objects can say: it knows nothing of how the product comes to it.
type world struct {
	things   map[string]*form // by kind and name
	rack     string
	excluded bool
	// good are the forms that work, or worked last: those of things that exist.
	good map[string]*form
	// wide are the communities of each good advertisement.
	wide map[string][]string
	// seen counts the routes that were expected, and found.
	seen int
}

// form is one form of one object.
type form struct {
	text string
	// broken objects can't be used as they are.
	broken bool
	// needs are other objects that must be there and usable, as kind and name; aliases are communities by name.
	needs, aliases []string

	prefixes    []string          // of a pool
	pools       []string          // of an advertisement; none: all
	peers       []string          // of an advertisement; none: all
	communities []string          // of an advertisement
	localPref   uint32            // of an advertisement
	bits        int               // of an advertisement; 0: single addresses
	app         string            // of an advertisement: the label that it selects; of a Service: the label that it has
	defines     map[string]string // of a Community
	dual        bool              // of a peer
	rack        string            // of a peer: the nodes that have it; empty: all
	addresses   []string          // of a Service
	local       bool              // of a Service
	endpoint    string            // of a Service: where it has one
}

// catalogue are the forms that each thing may have.
var catalogue = map[string][]form{
	"IPAddressPool a": {
		{text: spec("IPAddressPool", "a", "addresses: [192.0.2.0/24]"), prefixes: []string{"192.0.2.0/24"}},
		{text: spec("IPAddressPool", "a", "addresses: [192.0.2.0/28]"), prefixes: []string{"192.0.2.0/28"}},
		{text: spec("IPAddressPool", "a", "addresses: [nothing]"), broken: true},
	},
	"IPAddressPool b": {
		{text: spec("IPAddressPool", "b", `addresses: [198.51.100.0/24, "2001:db8::/64"]`), prefixes: []string{"198.51.100.0/24", "2001:db8::/64"}},
		{text: spec("IPAddressPool", "b", "addresses: [198.51.100.0/24]"), prefixes: []string{"198.51.100.0/24"}},
	},
	"Community names": {
		{text: spec("Community", "names", "communities: [{name: silver, value: '65000:2'}, {name: gold, value: 'large:65000:3:4'}]"), defines: map[string]string{"silver": "65000:2", "gold": "65000:3:4"}},
		{text: spec("Community", "names", "communities: [{name: silver, value: '65000:22'}]"), defines: map[string]string{"silver": "65000:22"}},
	},
	"BGPAdvertisement plain": {
		{text: advert("plain", "")},
		{text: advert("plain", "communities: ['65000:1']"), communities: []string{"65000:1"}},
		{text: advert("plain", "aggregationLength: 30, ipAddressPools: [a]"), bits: 30, pools: []string{"a"}},
		{text: advert("plain", "communities: ['not:one']"), broken: true},
	},
	"BGPAdvertisement named": {
		{text: advert("named", "communities: [silver], peers: [tor1]"), aliases: []string{"silver"}, peers: []string{"tor1"}},
		{text: advert("named", "communities: [silver, gold], ipAddressPools: [b]"), aliases: []string{"silver", "gold"}, pools: []string{"b"}},
	},
	"BGPAdvertisement chosen": {
		{text: advert("chosen", "localPref: 150, serviceSelectors: [{matchLabels: {app: web}}]"), localPref: 150, app: "web"},
		{text: advert("chosen", "localPref: 200, communities: ['65000:5'], serviceSelectors: [{matchLabels: {app: api}}], peers: [tor2, tor3]"),
			localPref: 200, communities: []string{"65000:5"}, app: "api", peers: []string{"tor2", "tor3"}},
	},
	"BFDProfile fast": {
		{text: spec("BFDProfile", "fast", "receiveInterval: 300")},
		{text: spec("BFDProfile", "fast", "receiveInterval: 400")},
	},
	"Secret md5": {
		{text: secret("md5", "right")},
	},
	"BGPPeer tor1": {
		{text: peer("tor1", "10.0.0.1", 64501)},
		{text: peer("tor1", "10.0.0.1", 64501, "bfdProfile: fast"), needs: []string{"BFDProfile fast"}},
		{text: peer("tor1", "10.0.0.1", 64501, dual), dual: true},
		{text: peer("tor1", "nowhere", 64501), broken: true},
	},
	"BGPPeer tor2": {
		{text: peer("tor2", "10.0.0.2", 64500, dual), dual: true},
		{text: peer("tor2", "10.0.0.2", 64500, "nodeSelectors: [{matchLabels: {rack: a}}]"), rack: "a"},
	},
	"BGPPeer tor3": {
		{text: peer("tor3", "10.0.0.3", 64503, "passwordSecret: {name: md5}"), needs: []string{"Secret md5"}},
		{text: peer("tor3", "10.0.0.3", 64503, "passwordSecret: {name: md5}", "holdTime: 30s"), needs: []string{"Secret md5"}},
	},
	"Service web": {
		serviceForm("web", "app: web", "Cluster", "node2", "192.0.2.10"),
		serviceForm("web", "app: web", "Local", "node1", "192.0.2.10"),
		serviceForm("web", "app: web", "Local", "node2", "192.0.2.10"),
		serviceForm("web", "app: other", "Cluster", "node1", "192.0.2.200"),
	},
	"Service api": {
		serviceForm("api", "app: api", "Cluster", "node1", "192.0.2.10"), // shared with web
		serviceForm("api", "app: api", "Cluster", "", "192.0.2.11"),
		serviceForm("api", "app: api", "Cluster", "node1", "192.0.2.11", "198.51.100.11"), // of two pools
	},
	"Service both": {
		serviceForm("both", "app: web", "Cluster", "node1", "198.51.100.10", "2001:db8::10"),
		serviceForm("both", "app: none", "Local", "node1", "198.51.100.10"),
		serviceForm("both", "app: none", "Cluster", "node1"),
	},
}

func serviceForm(name, labels, policy, node string, addresses ...string) form {
	f := form{app: strings.TrimPrefix(labels, "app: "), local: policy == "Local", endpoint: node, addresses: addresses}
	endpoints := ""
	if node != "" {
		endpoints = on(node)
	}
	f.text = labelled(name, labels, policy, addresses...) + slice(name, endpoints)
	return f
}

func newWorld() *world {
	return &world{things: map[string]*form{}, good: map[string]*form{}, wide: map[string][]string{}}
}

// whole is the first step: everything is there, in its first form.
func (w *world) whole() step {
	return step{"everything comes", func(l *lab.Lab) {
		for _, name := range sorted(catalogue) {
			w.things[name] = &catalogue[name][0]
			l.Apply(catalogue[name][0].text)
		}
	}}
}

// step chooses a change and makes it in the world. What is missing comes back sooner than something else goes, so that mostly there is something to announce.
func (w *world) step(random *dice) step {
	switch {
	case w.excluded && random.IntN(2) == 0, random.IntN(20) == 0:
		w.excluded = !w.excluded
		value := map[bool]string{true: "", false: "-"}[w.excluded]
		return step{fmt.Sprint("the node is excluded: ", w.excluded), func(l *lab.Lab) { l.Label("Node", "node1", excludeLabel, value) }}
	case random.IntN(12) == 0:
		w.rack = []string{"a", "b"}[random.IntN(2)]
		return step{"the node is in rack " + w.rack, func(l *lab.Lab) { l.Label("Node", "node1", "rack", w.rack) }}
	case random.IntN(12) == 0:
		return step{"the sidecar is started anew", func(l *lab.Lab) {
			l.Undisturbed(func() {
				l.Sidecar("node1").Stop()
				l.Sidecar("node1").Start()
				l.Ready()
			})
		}}
	}
	if random.IntN(25) == 0 {
		return step{"FRR is started anew", func(l *lab.Lab) {
			require.NoError(random.t, l.Node("node1").Restart(random.t.Context()))
			l.Forget()
		}}
	}
	s := w.change(random)
	if random.IntN(8) == 0 {
		return step{s.name + ", while the API server is out of reach", func(l *lab.Lab) {
			l.Sidecar("node1").Gate.Shut()
			s.do(l)
			l.Sidecar("node1").Gate.Open()
		}}
	}
	return s
}

// change is one of an object.
func (w *world) change(random *dice) step {
	name := w.choose(random)
	kind, object, _ := strings.Cut(name, " ")
	if w.things[name] != nil && random.IntN(3) == 0 {
		delete(w.things, name)
		return step{name + " is deleted", func(l *lab.Lab) { l.Delete(kind, object) }}
	}
	i := random.IntN(len(catalogue[name]))
	f := &catalogue[name][i]
	w.things[name] = f
	return step{fmt.Sprintf("%s has its form %d", name, i), func(l *lab.Lab) { l.Apply(f.text) }}
}

// choose is something that is missing, every third time, or anything.
func (w *world) choose(random *dice) string {
	names := sorted(catalogue)
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return w.things[n] != nil })
	if len(missing) > 0 && random.IntN(3) == 0 {
		return missing[random.IntN(len(missing))]
	}
	return names[random.IntN(len(names))]
}

// settle finds what works now: a thing that can be used as it is, in its form; one that can't, in the last form that could.
func (w *world) settle() {
	for name := range w.good {
		if w.things[name] == nil {
			delete(w.good, name)
		}
	}
	for name, f := range w.things {
		wide, usable := w.resolve(f)
		if usable {
			w.good[name], w.wide[name] = f, wide
		}
	}
}

// resolve gives the communities of an advertisement, and tells whether a form can be used.
func (w *world) resolve(f *form) ([]string, bool) {
	if f.broken || slices.ContainsFunc(f.needs, func(n string) bool { return w.things[n] == nil }) {
		return nil, false
	}
	wide := slices.Clone(f.communities)
	for _, a := range f.aliases {
		names := w.things["Community names"]
		if names == nil || names.defines[a] == "" {
			return nil, false
		}
		wide = append(wide, names.defines[a])
	}
	return wide, true
}

// holds waits until every ToR has what it is to have.
func (w *world) holds(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, tor := range []string{"tor1", "tor2", "tor3"} {
		expected := w.expect(tor)
		w.seen += len(expected)
		l.Table(tor, sorted(expected)...)
		for prefix, attributes := range expected {
			conditions := []lab.Condition{lab.Communities(attributes.communities...)}
			if tor == "tor2" {
				conditions = append(conditions, lab.LocalPref(attributes.localPref))
			}
			l.Route(tor, prefix, conditions...)
		}
	}
	status, err := l.Sidecar("node1").Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, status.Failure)
}
