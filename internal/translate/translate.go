package translate

import (
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Result is what one snapshot comes to.
type Result struct {
	Config   frrconf.Config
	Problems []problem.Problem
	// LastGood is to be kept once Config has been applied, and given to the next Translate.
	LastGood LastGood
	// Announcements tells for each Service of the snapshot, in its order, what was decided.
	Announcements []Announcement

	peers []peer
}

// Translate decides what the snapshot's node shall run. Equal input gives equal output, whatever happened before.
func Translate(snap *snapshot.Snapshot, lastGood LastGood) Result {
	return translate(snap, lastGood, nil)
}

// translate is Translate; it notes in seen, where that is not nil, by which rules it decides.
func translate(snap *snapshot.Snapshot, lastGood LastGood, seen *trace) Result {
	t := translation{snap: snap, lastGood: lastGood, next: newLastGood(), seen: seen}
	t.next.refused = lastGood.refused
	aliases := t.aliases()
	profiles := t.bfdProfiles()
	peers := t.peers(profiles)
	pools := t.pools()
	adverts := t.advertisements(peers, pools, aliases)
	announced := t.announce(pools, adverts, aliases)
	roles := t.roles(peers)
	instances, maps := t.route(peers, adverts, announced, roles)
	t.drain(instances)
	instances = append(instances, t.views(roles)...)
	t.kindsWithout()
	seen.forms(pools, adverts)
	extras := t.extras(instances, maps)
	return Result{
		Config: frrconf.Config{
			LargeCommunityLists: roles.lists(),
			RouteMaps:           maps,
			Instances:           instances,
			BFDProfiles:         profilesInUse(peers, profiles),
			Extras:              extras,
		},
		Problems:      problem.Sort(t.problems),
		LastGood:      t.next,
		Announcements: announced.services,
		peers:         peers,
	}
}

// translation is one run of Translate.
type translation struct {
	snap     *snapshot.Snapshot
	lastGood LastGood
	next     LastGood
	problems []problem.Problem
	seen     *trace
}

const (
	groupMetalLB = "metallb.io"
)

// issue is a problem before it is known what becomes of its object.
type issue struct {
	severity problem.Severity
	field    string
	reason   problem.Reason
	message  string
}

// issues collects what is wrong with one object.
type issues []issue

func (i *issues) refuse(field string, reason problem.Reason, message string) {
	*i = append(*i, issue{problem.Error, field, reason, message})
}

func (i *issues) warn(field string, reason problem.Reason, message string) {
	*i = append(*i, issue{problem.Warning, field, reason, message})
}

// refused tells whether the object can't be used as it is.
func (i issues) refused() bool {
	for _, one := range i {
		if one.severity == problem.Error {
			return true
		}
	}
	return false
}

// onlyReferences tells whether everything that is wrong is something that the object refers to.
func (i issues) onlyReferences() bool {
	for _, one := range i {
		switch one.reason {
		case problem.UnknownBFDProfile, problem.UnknownSecret, problem.InvalidSecret, problem.UnknownCommunity:
		default:
			if one.severity == problem.Error {
				return false
			}
		}
	}
	return true
}

// report turns the issues of an object into problems. Errors end with what became of the object.
func (t *translation) report(object problem.Object, found issues, outcome string) {
	for _, i := range found {
		message := i.message
		if i.severity == problem.Error && outcome != "" {
			message += "; " + outcome
		}
		t.problems = append(t.problems, problem.Problem{
			Severity: i.severity, Object: object, Field: i.field, Message: message, Reason: i.reason,
		})
	}
}
