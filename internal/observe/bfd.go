package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// BFDSession is one session of bfdd, with what it has counted since it was made.
type BFDSession struct {
	// Peer is the address of the other side, Interface the interface that leads there (empty for sessions over several hops), VRF the name of
	// the VRF ("default" for the default VRF).
	Peer      string
	Interface string
	VRF       string
	// Up tells whether both sides hear each other.
	Up bool

	ControlIn, ControlOut uint64
	EchoIn, EchoOut       uint64
	WentUp, WentDown      uint64
	ZebraNotifications    uint64
}

// bfdKey names a session of bfdd in each of its answers.
type bfdKey struct {
	Peer      string `json:"peer"`
	Local     string `json:"local"`
	Interface string `json:"interface"`
	VRF       string `json:"vrf"`
	Multihop  bool   `json:"multihop"`
}

// bfdPeerJSON is what counts of "show bfd peers json".
type bfdPeerJSON struct {
	bfdKey
	Status string `json:"status"`
}

// bfdCountersJSON is an entry of "show bfd peers counters json".
type bfdCountersJSON struct {
	bfdKey
	ControlIn          uint64 `json:"control-packet-input"`
	ControlOut         uint64 `json:"control-packet-output"`
	EchoIn             uint64 `json:"echo-packet-input"`
	EchoOut            uint64 `json:"echo-packet-output"`
	WentUp             uint64 `json:"session-up"`
	WentDown           uint64 `json:"session-down"`
	ZebraNotifications uint64 `json:"zebra-notifications"`
}

// ReadBFD asks bfdd, which tells the state of its sessions and what they have counted apart. Sessions are sorted by VRF, peer and interface.
func ReadBFD(ctx context.Context, client vtysh.Client) ([]BFDSession, error) {
	var peers []bfdPeerJSON
	if err := show(ctx, client, "show bfd peers json", &peers); err != nil || len(peers) == 0 {
		return nil, err
	}
	var counters []bfdCountersJSON
	if err := show(ctx, client, "show bfd peers counters json", &counters); err != nil {
		return nil, err
	}
	return joinBFD(peers, counters), nil
}

func show(ctx context.Context, client vtysh.Client, command string, into any) error {
	text, err := client.Run(ctx, vtysh.BFDD, command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("read bfdd's answer to %q: %w", command, err)
	}
	return nil
}

// joinBFD puts both answers together. A session that was made or removed between them is left out.
func joinBFD(peers []bfdPeerJSON, counters []bfdCountersJSON) []BFDSession {
	counted := make(map[bfdKey]bfdCountersJSON, len(counters))
	for _, c := range counters {
		counted[c.bfdKey] = c
	}
	out := make([]BFDSession, 0, len(peers))
	for _, p := range peers {
		c, known := counted[p.bfdKey]
		if !known {
			continue
		}
		out = append(out, BFDSession{
			Peer: p.Peer, Interface: p.Interface, VRF: cmp.Or(p.VRF, "default"), Up: p.Status == "up",
			ControlIn: c.ControlIn, ControlOut: c.ControlOut, EchoIn: c.EchoIn, EchoOut: c.EchoOut,
			WentUp: c.WentUp, WentDown: c.WentDown, ZebraNotifications: c.ZebraNotifications,
		})
	}
	slices.SortFunc(out, func(a, b BFDSession) int {
		return cmp.Or(cmp.Compare(a.VRF, b.VRF), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Interface, b.Interface))
	})
	return out
}
