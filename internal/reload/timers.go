package reload

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// defaultTimers are the multiplier and the intervals in milliseconds of "neighbor X bfd".
const defaultTimers = "3 300 300"

// bfdOfNeighbor takes "neighbor X bfd" and "neighbor X bfd MULTIPLIER RECEIVE TRANSMIT" apart.
func bfdOfNeighbor(line string) (id, timers string, is bool) {
	words := strings.Fields(line)
	if len(words) < 3 || words[0] != "neighbor" || words[2] != "bfd" {
		return "", "", false
	}
	if len(words) == 6 {
		if _, err := strconv.Atoi(words[3]); err == nil {
			return words[1], strings.Join(words[3:], " "), true
		}
	}
	return words[1], "", len(words) == 3
}

// withTimers returns what bgpd prints with the BFD timers of its neighbors, which it takes and uses but does not print (8.4 and 10.3). Beside a
// profile they count where that says nothing.
func withTimers(ctx context.Context, client vtysh.Client, text string) (string, error) {
	if !strings.Contains(text, " bfd\n") {
		return text, nil
	}
	out, header := strings.Split(text, "\n"), ""
	at := map[int][2]string{} // instance and neighbor of a line
	for i, l := range out {
		switch id, _, is := bfdOfNeighbor(l); {
		case strings.HasPrefix(l, "router bgp "):
			header = "default"
			if words := strings.Fields(l); len(words) > 4 {
				header = words[4]
			}
		case is && header != "":
			at[i] = [2]string{header, id}
		}
	}
	if len(at) == 0 {
		return text, nil
	}
	own := map[[2]string]bool{}
	for _, of := range at {
		own[of] = true
	}
	timers, err := readTimers(ctx, client, own)
	if err != nil {
		return text, err
	}
	for i, of := range at {
		if t := timers[of]; t != "" && t != defaultTimers {
			out[i] += " " + t
		}
	}
	return strings.Join(out, "\n"), nil
}

// readTimers returns the BFD timers of the neighbors of each instance, and those of groups whose members have no BFD of their own. Where bgpd
// refuses to tell, timers that changed are not seen.
func readTimers(ctx context.Context, client vtysh.Client, own map[[2]string]bool) (map[[2]string]string, error) {
	instances, err := neighborsOf(ctx, client)
	if err != nil {
		return nil, err
	}
	out := map[[2]string]string{}
	for instance, neighbors := range instances {
		for id, raw := range neighbors {
			var n struct {
				PeerGroup   string
				PeerBfdInfo struct{ DetectMultiplier, RxMinInterval, TxMinInterval int }
			}
			if json.Unmarshal(raw, &n) != nil || n.PeerBfdInfo.DetectMultiplier == 0 {
				continue // "vrfId", or a neighbor without BFD
			}
			if !own[[2]string{instance, id}] {
				id = n.PeerGroup
			}
			out[[2]string{instance, id}] = fmt.Sprint(n.PeerBfdInfo.DetectMultiplier, n.PeerBfdInfo.RxMinInterval, n.PeerBfdInfo.TxMinInterval)
		}
	}
	return out, nil
}

// neighborsOf returns what bgpd tells of each neighbor, and other things beside them, by instance; nothing where it refuses to.
func neighborsOf(ctx context.Context, client vtysh.Client) (map[string]map[string]json.RawMessage, error) {
	text, err := client.Run(ctx, vtysh.BGPD, "show bgp vrf all neighbors json")
	switch {
	case err == nil:
	case ctx.Err() != nil || errors.Is(err, vtysh.ErrNotRunning):
		return nil, err
	default:
		return nil, nil
	}
	var instances map[string]map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &instances); err != nil {
		return nil, fmt.Errorf("bgpd's neighbors can't be read: %w", err)
	}
	return instances, nil
}

// sameTimers tells a line whose BFD timers change nothing: it is about a group of which nobody can tell which timers it has, since it has BFD and
// no member, or only members with lines of their own.
func (c *change) sameTimers(line string) bool {
	id, timers, is := bfdOfNeighbor(line)
	if !is || c.fresh[id] || c.old.roster().timers[id] == "" {
		return false
	}
	if timers == "" || !c.old.isGroup(id) {
		return false
	}
	for _, name := range c.concerned(id) {
		if member, _ := split(name); c.old.roster().timers[member] == "" {
			return false
		}
	}
	return true
}

// keepsTimers are the members whose BFD timers change while they have BFD by their group, too: taking away their own line does not end their
// session, and bfdd keeps the timers of a session that it has (seen on 8.4 and 10.3). They are made anew.
func keepsTimers(old, want *instance) map[string]bool {
	had, has := old.roster().timers, want.roster().timers
	if len(had)+len(has) == 0 {
		return nil
	}
	out, groups := map[string]bool{}, want.memberships()
	for id, group := range old.memberships() {
		before, did := had[group]
		if now, does := has[group]; !did || !does || before != now || groups[id] != group {
			continue
		}
		if cmp.Or(had[id], before) != cmp.Or(has[id], before) {
			out[id] = true
		}
	}
	return out
}

// withoutTimers is "neighbor X bfd" for a line that gives timers, which the "no" of it does not take.
func withoutTimers(line string) string {
	if id, timers, is := bfdOfNeighbor(line); is && timers != "" {
		return "neighbor " + id + " bfd"
	}
	return line
}
