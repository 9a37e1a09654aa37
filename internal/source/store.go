package source

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// store gathers the objects of all files. Its work per change is that of the objects that changed, and one pass over the pointers of
// their kind.
type store struct {
	files map[string]*file
	// troubled are the files that have problems.
	troubled map[string]bool
	// claims are the places that define an object, by path and position; the first one counts.
	claims    map[problem.Object][]claim
	contested map[problem.Object]bool
	unread    map[problem.Object]int
	lists     map[schema.GroupKind]*list
	dirty     map[problem.Object]bool
}

// claim is one place that defines an object.
type claim struct {
	path     string
	id       fileID
	position int
	line     int
	object   metav1.Object
}

// list is the objects of one kind by namespace and name. entries are never changed in place: Results share them.
type list struct {
	entries []listed
	typed   any
}

type listed struct {
	identity problem.Object
	object   metav1.Object
}

func newStore() *store {
	return &store{
		files: map[string]*file{}, troubled: map[string]bool{},
		claims: map[problem.Object][]claim{}, contested: map[problem.Object]bool{}, unread: map[problem.Object]int{},
		lists: map[schema.GroupKind]*list{}, dirty: map[problem.Object]bool{},
	}
}

// set replaces one file's reading; nil removes it.
func (s *store) set(path string, now *file) {
	before := s.files[path]
	if before == now {
		return
	}
	if now.sameAs(before) {
		s.files[path] = now
		return
	}
	s.withdraw(before)
	delete(s.files, path)
	delete(s.troubled, path)
	if now == nil {
		return
	}
	s.files[path] = now
	if len(now.problems()) > 0 {
		s.troubled[path] = true
	}
	s.claim(now)
}

func (s *store) withdraw(f *file) {
	f.each(func(e entry, _ int) {
		if e.object == nil {
			if s.unread[e.identity]--; s.unread[e.identity] <= 0 {
				delete(s.unread, e.identity)
			}
			return
		}
		s.claims[e.identity] = slices.DeleteFunc(s.claims[e.identity], func(c claim) bool { return c.path == f.path })
		if len(s.claims[e.identity]) == 0 {
			delete(s.claims, e.identity)
		}
		s.dirty[e.identity] = true
	})
}

func (s *store) claim(f *file) {
	position := 0
	f.each(func(e entry, line int) {
		position++
		if e.object == nil {
			if usable(e) {
				s.unread[e.identity]++
			}
			return
		}
		s.claims[e.identity] = append(s.claims[e.identity], claim{f.path, f.stamp.id, position, line, e.object})
		s.dirty[e.identity] = true
	})
}

// settle brings the lists up to date with the claims; it tells whether any object changed.
func (s *store) settle() bool {
	changes := map[schema.GroupKind][]listed{}
	for identity := range s.dirty {
		claims := s.claims[identity]
		slices.SortFunc(claims, func(a, b claim) int {
			return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.position, b.position))
		})
		delete(s.contested, identity)
		change := listed{identity: identity}
		if len(claims) > 0 {
			change.object = claims[0].object
		}
		if len(claims) > 1 {
			s.contested[identity] = true
		}
		kind := kindOf(identity)
		changes[kind] = append(changes[kind], change)
	}
	s.dirty = map[problem.Object]bool{} // a map that was cleared keeps what it once held room for
	changed := false
	for kind, c := range changes {
		if s.lists[kind] == nil {
			s.lists[kind] = &list{}
		}
		if s.lists[kind].merge(c) {
			changed = true
		}
	}
	return changed
}

func kindOf(o problem.Object) schema.GroupKind { return schema.GroupKind{Group: o.Group, Kind: o.Kind} }

func byIdentity(a, b listed) int {
	return cmp.Or(cmp.Compare(a.identity.Namespace, b.identity.Namespace), cmp.Compare(a.identity.Name, b.identity.Name))
}

// merge puts objects into the list in place of those of the same identity; nil removes. It tells whether that changed the list.
func (l *list) merge(changes []listed) bool {
	slices.SortFunc(changes, byIdentity)
	out := make([]listed, 0, len(l.entries)+len(changes))
	old, changed := l.entries, false
	for _, c := range changes {
		i, found := slices.BinarySearchFunc(old, c, byIdentity)
		out = append(out, old[:i]...)
		old = old[i:]
		var before metav1.Object
		if found {
			before, old = old[0].object, old[1:]
		}
		changed = changed || before != c.object
		if c.object != nil {
			out = append(out, c)
		}
	}
	if changed {
		l.entries, l.typed = append(out, old...), nil
	}
	return changed
}

// result is what the store holds; settle first. It tells more problems than those of files.
func (s *store) result(more []problem.Problem) Result {
	out := Result{Objects: objectsOf(s.lists), Problems: slices.Clone(more)}
	// A file that has several names is told of once.
	told := map[fileID]bool{}
	for _, path := range slices.Sorted(maps.Keys(s.troubled)) {
		f := s.files[path]
		out.Incomplete = out.Incomplete || f.incomplete()
		if told[f.stamp.id] {
			continue
		}
		told[f.stamp.id] = f.stamp.id != fileID{}
		out.Problems = append(out.Problems, f.problems()...)
	}
	for identity := range s.contested {
		out.Problems = append(out.Problems, duplicates(identity, s.claims[identity])...)
	}
	out.Problems = problem.Sort(out.Problems)
	out.Unread = slices.SortedFunc(maps.Keys(s.unread), func(a, b problem.Object) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// duplicates tells of each place but the first. Two names of one file are one place.
func duplicates(identity problem.Object, claims []claim) []problem.Problem {
	var out []problem.Problem
	first := claims[0]
	for _, c := range claims[1:] {
		if c.path != first.path && c.id == first.id && c.id != (fileID{}) {
			continue
		}
		out = append(out, problem.Problem{
			Severity: problem.Error, Object: identity, Reason: problem.DuplicateObject,
			Message: fmt.Sprintf("it stands in %s and again in %s; the first is used, delete one", first.place(), c.place()),
		})
	}
	return out
}

func (c claim) place() string {
	if c.line == 0 {
		return c.path
	}
	return fmt.Sprintf("%s:%d", c.path, c.line)
}
