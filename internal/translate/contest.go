package translate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Two advertisements that give a route different values of an attribute of which it has one clash, towards each peer that would get the route
// from both. The one of the lower rank is left out for that route and those peers, and for nothing else: the route is announced all the same,
// as the other one says.

// rankAll gives each advertisement its rank: the lower, the sooner it stays where two clash. What works stays: an advertisement that was outdone
// ranks behind the one that outdid it as long as both are there, whichever of them changes; then those come that have not changed, then
// changed ones, then new ones, each the older first. (Without the first rule the older would take the place of a younger one that works, a
// turn after it was changed.)
func rankAll(adverts []advert, phases []int, outdoneBy map[string][]string) {
	index := make(map[string]int, len(adverts))
	for i := range adverts {
		index[adverts[i].name] = i
	}
	better := func(i, j int) int { return cmp.Or(phases[i]-phases[j], i-j) }
	waiting, followers := make([]int, len(adverts)), make([][]int, len(adverts))
	for i := range adverts {
		for _, name := range outdoneBy[adverts[i].name] {
			if first, here := index[name]; here {
				waiting[i]++
				followers[first] = append(followers[first], i)
			}
		}
	}
	var ready []int
	for i := range adverts {
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	slices.SortFunc(ready, better)
	for rank := 0; len(ready) > 0; rank++ {
		i := ready[0]
		ready = ready[1:]
		adverts[i].rank = rank
		for _, f := range followers[i] {
			if waiting[f]--; waiting[f] == 0 {
				at, _ := slices.BinarySearchFunc(ready, f, better)
				ready = slices.Insert(ready, at, f)
			}
		}
	}
}

// outdone is an advertisement that is left out, and the one that stays in its place, as indexes.
type outdone struct{ loser, winner int }

// contest decides which advertisements of a set count towards a peer: all that go to it, but for those that clash with one that counts.
func contest(set []int, peer string, adverts []advert) (count []int, losers []outdone) {
	for _, i := range set {
		if adverts[i].reaches(peer) {
			count = append(count, i)
		}
	}
	if !anyClash(count, adverts) {
		return count, nil
	}
	byRank := slices.Clone(count)
	slices.SortFunc(byRank, func(i, j int) int { return adverts[i].rank - adverts[j].rank })
	count = count[:0]
	for _, i := range byRank {
		rival := slices.IndexFunc(count, func(j int) bool { return clashing(&adverts[i], &adverts[j]) != nil })
		if rival == -1 {
			count = append(count, i)
		} else {
			losers = append(losers, outdone{i, count[rival]})
		}
	}
	slices.Sort(count)
	return count, losers
}

// anyClash tells whether any two of the advertisements clash.
func anyClash(set []int, adverts []advert) bool {
	for at, i := range set {
		if slices.ContainsFunc(set[:at], func(j int) bool { return clashing(&adverts[i], &adverts[j]) != nil }) {
			return true
		}
	}
	return false
}

// contests collects who was outdone by whom, where.
type contests map[outdone]*contested

type contested struct {
	peers map[string]bool
	// what is announced by both: the first by name of all that could be told.
	what string
}

func (c contests) note(o outdone, peer, what string) {
	one := c[o]
	if one == nil {
		one = &contested{peers: map[string]bool{}, what: what}
		c[o] = one
	}
	one.peers[peer], one.what = true, min(one.what, what)
}

// agreeing takes those advertisements out of a set that count towards no peer, since others outdo them wherever they go.
func (c contests) agreeing(set advertSet, peers []peer, adverts []advert, what string) advertSet {
	indexes := set.indexes()
	if !anyClash(indexes, adverts) {
		return set
	}
	lost, counts := map[int]bool{}, map[int]bool{}
	for _, p := range peers {
		count, losers := contest(indexes, p.name, adverts)
		for _, i := range count {
			counts[i] = true
		}
		for _, o := range losers {
			lost[o.loser] = true
			c.note(o, p.name, what)
		}
	}
	return newAdvertSet(slices.DeleteFunc(indexes, func(i int) bool { return lost[i] && !counts[i] }))
}

// settleContests reports who was outdone, and remembers it.
func (t *translation) settleContests(all contests, adverts []advert) {
	order := slices.SortedFunc(maps.Keys(all), func(a, b outdone) int {
		return cmp.Or(cmp.Compare(adverts[a.loser].name, adverts[b.loser].name), cmp.Compare(adverts[a.winner].name, adverts[b.winner].name))
	})
	for _, o := range order {
		loser, winner := &adverts[o.loser], &adverts[o.winner]
		against := clashIssue(loser, winner, all[o].what, slices.Sorted(maps.Keys(all[o].peers)))
		t.report(loser.object, issues{against}, "this one is left out there")
		if t.next.outdone == nil {
			t.next.outdone = map[string][]string{}
		}
		t.next.outdone[loser.name] = append(t.next.outdone[loser.name], winner.name)
	}
}

// clashIssue says that two advertisements clash over what both announce.
func clashIssue(own, other *advert, what string, peers []string) issue {
	clash := clashing(own, other)
	return issue{problem.Error, clash.field, problem.ConflictingAdvertisement, fmt.Sprintf(
		"BGPAdvertisement %q announces %s to %s with %s %d, this one with %d; set the same or keep them apart by peers or nodeSelectors",
		other.name, what, peerNames(peers), clash.attribute, clash.other, clash.own)}
}

func peerNames(names []string) string {
	const most = 10
	quoted := make([]string, 0, most+1)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	if len(names) == 1 {
		return "BGPPeer " + quoted[0]
	}
	return "BGPPeers " + strings.Join(quoted[:len(quoted)-1], ", ") + " and " + quoted[len(quoted)-1]
}
