package translate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// refused is what FRR did not take: forms of objects, with what it said. It is not kept across restarts.
type refused struct {
	peers  map[string][]refusedPeer
	extras map[string]*issue // by text
}

type refusedPeer struct {
	form goodPeer
	said issue
}

// RefusedLine is a line of a document, and what FRR said to it.
type RefusedLine struct {
	// Context are the lines of the blocks around it.
	Context []string
	Line    string
	// Shown is the line without a password.
	Shown string
	Reply string
}

// Refuse finds out whose line it is that FRR did not take, and returns last good objects that know it: the object is not used again in that
// form, until Forgive. False: no object is to blame that was not before.
func (r Result) Refuse(last LastGood, line RefusedLine) (LastGood, bool) {
	said := issue{severity: problem.Error, reason: problem.RefusedByFRR, message: fmt.Sprintf("FRR refuses %q: %s",
		line.Shown, strings.Join(strings.Fields(strings.TrimLeft(line.Reply, "% ")), " "))}
	name, attribute := r.owner(line)
	lines := r.Config.Extras.Lines()
	extra := slices.ContainsFunc(lines, func(l string) bool { return strings.TrimSpace(l) == line.Line })
	switch form, known := r.LastGood.peers[name]; {
	case !extra && known && last.refused.peer(name, form) == nil:
		said.field, said.message = fields[attribute], said.message+"; "+mend(line, attribute)
		if attribute == "password" && form.Spec.PasswordSecret.Name != "" {
			said.field = "spec.passwordSecret"
		}
		peers := maps.Clone(last.refused.peers)
		if peers == nil {
			peers = map[string][]refusedPeer{}
		}
		peers[name] = append(slices.Clone(peers[name]), refusedPeer{form, said})
		last.refused.peers = peers
	case !extra && known, len(lines) == 0, last.refused.extras[r.LastGood.extras] != nil:
		return last, false
	default: // FRR takes our own lines: it is one that an administrator adds
		said.field, said.message = "data[extras]", said.message+"; mend or remove it"
		extras := maps.Clone(last.refused.extras)
		if extras == nil {
			extras = map[string]*issue{}
		}
		extras[r.LastGood.extras] = &said
		last.refused.extras = extras
	}
	return last, true
}

// Forgive returns the last good objects with nothing refused, to ask FRR again.
func (l LastGood) Forgive() LastGood {
	l.refused = refused{}
	return l
}

// Refuses tells whether any form of an object is refused.
func (l LastGood) Refuses() bool { return len(l.refused.peers)+len(l.refused.extras) > 0 }

// owner is the BGPPeer that a line of a neighbor, or of the BFD profile of one, belongs to, and the neighbor's setting.
func (r Result) owner(line RefusedLine) (name, attribute string) {
	words := strings.Fields(strings.TrimPrefix(line.Line, "no "))
	for _, p := range r.peers {
		switch {
		case len(words) > 2 && words[0] == "neighbor" && words[1] == p.neighbor.Peer.String() && len(line.Context) > 0 && vrfOf(line.Context[0]) == p.vrf.String():
			if words[2] == "timers" && len(words) > 3 && words[3] == "connect" {
				return p.name, "timers connect"
			}
			return p.name, words[2]
		case !p.neighbor.BFDProfile.IsZero() && len(line.Context) > 1 && line.Context[0] == "bfd" && line.Context[1] == "profile "+p.neighbor.BFDProfile.String():
			return p.name, "bfd"
		}
	}
	return "", ""
}

// vrfOf is the VRF of a "router bgp" line.
func vrfOf(router string) string {
	_, vrf, _ := strings.Cut(router, " vrf ")
	return vrf
}

// fields of a BGPPeer, by the setting of a neighbor that they make.
var fields = map[string]string{
	"remote-as": "spec.peerAddress", "interface": "spec.interface", "local-as": "spec.localASN", "bfd": "spec.bfdProfile", "password": "spec.password",
	"port": "spec.peerPort", "ebgp-multihop": "spec.ebgpMultiHop", "update-source": "spec.sourceAddress", "timers": "spec.holdTime", "timers connect": "spec.connectTime",
	"graceful-restart": "spec.enableGracefulRestart", "disable-connected-check": "spec.ebgpMultiHop",
	"ttl-security": knobField(ttlSecurityHops),
}

func mend(line RefusedLine, attribute string) string {
	if attribute == "remote-as" && strings.Contains(line.Reply, "local system") {
		return "it is an address of this node: write that of the router, or keep the object from this node by nodeSelectors"
	}
	return "change the field; FRR is asked again when the object changes, when FRR is started anew, and now and then"
}

// peer is what FRR said to a form of a BGPPeer, nil when it was not refused.
func (r refused) peer(name string, form goodPeer) *issue {
	for _, p := range r.peers[name] {
		if reflect.DeepEqual(p.form, form) {
			return &p.said
		}
	}
	return nil
}
