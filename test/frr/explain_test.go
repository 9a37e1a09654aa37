package frr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
)

// TestExplainSaysWhatIsRendered reads each golden frr.conf as FRR does and compares it with the explanation: each neighbor, each prefix that it
// gets, with what. Nothing else is announced, and for whatever is not there is a reason.
func TestExplainSaysWhatIsRendered(t *testing.T) {
	renderer, err := render.New(nil)
	require.NoError(t, err)
	announced := 0
	for _, c := range golden.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			read, err := source.Read([]string{c.Input()}, source.Options{})
			require.NoError(t, err)
			for _, node := range append(snapshot.Nodes(read.Objects), caseNode) {
				snap, err := snapshot.New(read.Objects, node, snapshot.Options{})
				require.NoError(t, err)
				e := translate.Explain(snap, translate.LastGood{})
				document, err := renderer.Render(e.Config)
				require.NoError(t, err)
				want := sentBy(t, document.Text)
				require.Equal(t, want, explained(t, e), "on %s", node)
				announced += len(want)
				require.Equal(t, translate.Translate(snap, translate.LastGood{}).Config, e.Config)
			}
		})
	}
	require.Greater(t, announced, len(golden.Cases(t))/2, "hardly anything is announced: the comparison says nothing")
}

// explained are the routes of an explanation, each a line: VRF, neighbor, prefix, what is set.
func explained(t *testing.T, e *translate.Explanation) []string {
	t.Helper()
	sessions := map[string]translate.Session{}
	counts := map[string]int{}
	for _, s := range e.Sessions() {
		sessions[s.Peer] = s
		if s.Fate != translate.InUse {
			require.NotEmpty(t, s.Why, s.Peer)
		}
	}
	out := map[string]bool{}
	for _, a := range e.Announcements {
		service, ok := e.Service(a.Namespace, a.Name)
		require.True(t, ok)
		require.Equal(t, a.Reason, service.Reason)
		if a.Reason != translate.Announced {
			require.False(t, service.Announced())
			require.NotEmpty(t, service.Why)
			require.NotEmpty(t, a.Reason.Meaning())
		}
		for _, r := range service.Routes {
			if !r.Announced {
				require.NotEqual(t, translate.Announced, r.Reason)
				require.NotEmpty(t, r.Why+service.Why, "%s to %s", a.Name, r.Peer)
				continue
			}
			s := sessions[r.Peer]
			require.NotEmpty(t, r.Advertisements)
			line := routeLine(s.VRF, s.Neighbor, r.Prefix.String(), r.Attributes.Words())
			if !out[line] {
				out[line] = true
				counts[r.Peer]++
			}
		}
	}
	for name, s := range sessions {
		require.Equal(t, counts[name], s.Prefixes, name)
	}
	return slices.Sorted(maps.Keys(out))
}

func routeLine(vrf, neighbor, prefix string, sets []string) string {
	return fmt.Sprintf("%q %s %s %s", vrf, neighbor, prefix, strings.Join(sets, ", "))
}

// sentBy reads a frr.conf and says what each neighbor gets, as bgpd decides: a network has the tag of its route-map, and the first entry of the
// neighbor's outbound route-map that matches decides.
func sentBy(t *testing.T, text string) []string {
	t.Helper()
	type entry struct {
		permit     bool
		match, tag string
		sets       []string
	}
	type family struct {
		networks  map[string]string
		activated []string
		out       map[string]string
	}
	maps := map[string][]*entry{}
	families := map[string]map[string]*family{} // by VRF, then family
	drained := map[string][]string{}            // what every route of a VRF gets
	var current *entry
	var in *family
	vrf := ""
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "route-map" && len(words) == 4:
			current = &entry{permit: words[2] == "permit"}
			maps[words[1]] = append(maps[words[1]], current)
		case words[0] == "match" && words[1] == "tag":
			current.match = words[2]
		case words[0] == "match":
			current.match = "inbound, of bgpextras"
		case words[0] == "set" && words[1] == "tag":
			current.tag = words[2]
		case words[0] == "set":
			current.sets = append(current.sets, strings.Join(words[1:], " "))
		case words[0] == "router":
			vrf = ""
			if len(words) > 4 {
				vrf = words[4]
			}
			if families[vrf] == nil { // bgpextras may open it again
				families[vrf] = map[string]*family{}
			}
		case words[0] == "bgp" && words[1] == "graceful-shutdown":
			drained[vrf] = words[1:]
		case words[0] == "address-family":
			in = families[vrf][words[1]]
			if in == nil {
				in = &family{networks: map[string]string{}, out: map[string]string{}}
				families[vrf][words[1]] = in
			}
		case words[0] == "network":
			in.networks[words[1]] = words[3]
		case words[0] == "neighbor" && words[len(words)-1] == "activate":
			in.activated = append(in.activated, words[1])
		case words[0] == "neighbor" && words[2] == "route-map" && words[4] == "out":
			in.out[words[1]] = words[3]
		}
	}
	var out []string
	for vrf, byFamily := range families {
		for _, f := range byFamily {
			for _, neighbor := range f.activated {
				require.Contains(t, f.out, neighbor, "a neighbor without a policy")
				for prefix, class := range f.networks {
					tag := maps[class][0].tag
					require.NotEmpty(t, tag)
					for _, e := range maps[f.out[neighbor]] {
						if e.match != "" && e.match != tag {
							continue
						}
						if e.permit {
							sets := slices.Concat(e.sets, drained[vrf])
							slices.Sort(sets)
							out = append(out, routeLine(vrf, neighbor, prefix, sets))
						}
						break
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
