package translate

import (
	"encoding/json"
	"fmt"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
)

// LastGood is the last form of each object that was applied on this node, with what it refers to. An object that becomes invalid keeps
// that form until it is mended or deleted. The zero value is "nothing was applied yet".
type LastGood struct {
	peers   map[string]goodPeer
	pools   map[string]goodPool
	adverts map[string]goodAdvert
	// outdone are the advertisements that were left out for some peers, each with those that stayed in their place.
	outdone map[string][]string
	// asks are the sets of communities that Services asked for and got, each a line of text.
	asks    []string
	extras  string
	refused refused
}

// goodPeer is a BGPPeer with its secret and its BFD profile.
type goodPeer struct {
	Spec v1beta2.BGPPeerSpec
	// password is the one in force, from the spec or the Secret; Spec's own is blank.
	password frrconf.Password
	BFD      *v1beta1.BFDProfileSpec
	// Knobs are the annotations that count (knob.go); nil for none.
	Knobs map[string]string
}

type goodPool struct {
	Spec v1beta1.IPAddressPoolSpec
	// Labels by which advertisements choose the pool; nil when there are none.
	Labels map[string]string
}

// goodAdvert is a BGPAdvertisement with the values of its communities, aliases resolved.
type goodAdvert struct {
	Spec        v1beta1.BGPAdvertisementSpec
	Communities []string
	// Knobs are the annotations that count (knob.go), aliases resolved; nil for none.
	Knobs map[string]string `json:",omitempty"`
}

// Format implements fmt.Formatter: the objects hold secrets, and an administrator's extras may.
func (l LastGood) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "last good forms of %d peers, %d pools, %d advertisements", len(l.peers), len(l.pools), len(l.adverts))
}

func newLastGood() LastGood {
	return LastGood{peers: map[string]goodPeer{}, pools: map[string]goodPool{}, adverts: map[string]goodAdvert{}}
}

// encoded is LastGood as it lies in its file. It holds secrets in the clear: the file is for its owner alone (0600).
type encoded struct {
	Version        int                    `json:"version"`
	Peers          map[string]encodedPeer `json:"peers,omitempty"`
	Pools          map[string]goodPool    `json:"pools,omitempty"`
	Advertisements map[string]goodAdvert  `json:"advertisements,omitempty"`
	Outdone        map[string][]string    `json:"outdone,omitempty"`
	Asks           []string               `json:"asks,omitempty"`
	Extras         string                 `json:"extras,omitempty"`
}

type encodedPeer struct {
	Spec     v1beta2.BGPPeerSpec     `json:"spec"`
	Password string                  `json:"password,omitempty"`
	BFD      *v1beta1.BFDProfileSpec `json:"bfd,omitempty"`
	Knobs    map[string]string       `json:"knobs,omitempty"`
}

const lastGoodVersion = 1

// Encode returns the bytes to keep in a private file. They hold passwords in the clear.
func (l LastGood) Encode() ([]byte, error) {
	e := encoded{Version: lastGoodVersion, Peers: map[string]encodedPeer{}, Pools: l.pools, Advertisements: l.adverts, Outdone: l.outdone, Asks: l.asks, Extras: l.extras}
	for name, p := range l.peers {
		e.Peers[name] = encodedPeer{Spec: p.Spec, Password: p.password.Reveal(), BFD: p.BFD, Knobs: p.Knobs}
	}
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return nil, fmt.Errorf("BUG: encode the last good objects: %w", err)
	}
	return append(data, '\n'), nil
}

// DecodeLastGood reads what Encode wrote. The error never holds a secret.
func DecodeLastGood(data []byte) (LastGood, error) {
	var e encoded
	if err := json.Unmarshal(data, &e); err != nil {
		return LastGood{}, fmt.Errorf("the last good objects are not readable JSON")
	}
	if e.Version != lastGoodVersion {
		return LastGood{}, fmt.Errorf("the last good objects are of format %d; this program reads %d", e.Version, lastGoodVersion)
	}
	l := newLastGood()
	for name, p := range e.Peers {
		good := goodPeer{Spec: p.Spec, BFD: p.BFD, Knobs: p.Knobs}
		if p.Password != "" {
			var err error
			if good.password, err = frrconf.NewPassword(p.Password); err != nil {
				return LastGood{}, fmt.Errorf("the last good objects: peer %q: %w", name, err)
			}
		}
		l.peers[name] = good
	}
	for name, p := range e.Pools {
		l.pools[name] = p
	}
	for name, a := range e.Advertisements {
		l.adverts[name] = a
	}
	l.outdone, l.asks, l.extras = e.Outdone, e.Asks, e.Extras
	return l, nil
}

// found returns a pointer to the entry, or nil.
func found[V any](m map[string]V, name string) *V {
	if v, ok := m[name]; ok {
		return &v
	}
	return nil
}
