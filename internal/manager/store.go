package manager

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// key names an object of a kind.
type key = kubewatch.Key

// held is an object as it was last seen. The object itself has no resource version, so that one that was written without a change is the same.
type held struct {
	version string
	object  metav1.Object
}

// shelf holds the objects of one kind.
type shelf struct {
	objects map[key]held
	// unread tells why objects can't be read; those that could be before are in objects as they were.
	unread map[key]error
	// read: everything that there is was read once. served: the API server has the kind.
	read, served bool
}

// store holds what was read, and what was written since: the watch may bring that later.
type store struct {
	mu      sync.RWMutex
	shelves map[string]*shelf
	// changes counts what has become another, but for what was written by us; wake has a value when there was any.
	changes atomic.Uint64
	wake    chan struct{}
}

func newStore(kinds []string) *store {
	s := &store{shelves: map[string]*shelf{}, wake: make(chan struct{}, 1)}
	for _, k := range kinds {
		s.shelves[k] = &shelf{objects: map[key]held{}, unread: map[key]error{}}
	}
	return s
}

// changed says that the worker is to look again.
func (s *store) changed() {
	s.changes.Add(1)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// put takes in an object as the watch brings it.
func (s *store) put(kind string, o metav1.Object) {
	if s.take(kind, o) && s.matters(kind, o) {
		s.changed()
	}
}

// matters tells whether anything depends on an object: on endpoints only where their Service is one that may be announced.
func (s *store) matters(kind string, o metav1.Object) bool {
	if kind != endpointsKind {
		return true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, has := s.shelves[serviceKind].objects[key{Namespace: o.GetNamespace(), Name: o.GetLabels()[discoveryv1.LabelServiceName]}]
	return has
}

// wrote takes in an object as it is after a write of ours.
func (s *store) wrote(kind string, o metav1.Object) { s.take(kind, o) }

// take keeps the newer of two, and tells whether that says something else.
func (s *store) take(kind string, o metav1.Object) bool {
	version := o.GetResourceVersion()
	o.SetResourceVersion("")
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[kind]
	before, had := shelf.objects[kubewatch.KeyOf(o)]
	if had && newer(before.version, version) {
		return false
	}
	same := had && reflect.DeepEqual(before.object, o)
	if same {
		o = before.object
	}
	shelf.objects[kubewatch.KeyOf(o)] = held{version, o}
	return shelf.readable(kubewatch.KeyOf(o)) || !same
}

// readable takes in that an object can be read, or is gone, and tells whether it could not be before.
func (s *shelf) readable(k key) bool {
	_, was := s.unread[k]
	delete(s.unread, k)
	return was
}

// unreadable takes in that an object can't be read.
func (s *store) unreadable(kind string, k key, why error) {
	s.mu.Lock()
	was, known := s.shelves[kind].unread[k]
	s.shelves[kind].unread[k] = why
	s.mu.Unlock()
	if !known || was.Error() != why.Error() {
		s.changed()
	}
}

// unreadOne is an object that can't be read; kept tells that its last form is there.
type unreadOne struct {
	key
	why  error
	kept bool
}

// unreadOf are the objects of a kind that can't be read, sorted.
func (s *store) unreadOf(kind string) []unreadOne {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []unreadOne
	for k, why := range s.shelves[kind].unread {
		_, kept := s.shelves[kind].objects[k]
		out = append(out, unreadOne{k, why, kept})
	}
	slices.SortFunc(out, func(x, y unreadOne) int { return x.Compare(y.key) })
	return out
}

// remove takes in that an object was deleted, when it had that version.
func (s *store) remove(kind string, k key, version string) {
	if s.drop(kind, k, version) {
		s.changed()
	}
}

func (s *store) drop(kind string, k key, version string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[kind]
	before, had := shelf.objects[k]
	if had && newer(before.version, version) { // made anew since
		return false
	}
	delete(shelf.objects, k)
	return shelf.readable(k) || had
}

// replace takes in all objects of a kind as they were at a version; others go, but for those that stay as they are.
func (s *store) replace(kind string, all []metav1.Object, stay map[key]bool, version string) {
	here := make(map[key]bool, len(all))
	news := false
	for _, o := range all {
		here[kubewatch.KeyOf(o)] = true
		news = s.take(kind, o) || news
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[kind]
	for k := range shelf.unread {
		if !stay[k] {
			news = shelf.readable(k) || news
		}
	}
	for k, h := range shelf.objects {
		if !here[k] && !stay[k] && !newer(h.version, version) {
			delete(shelf.objects, k)
			news = true
		}
	}
	news = news || !shelf.read || !shelf.served
	shelf.read, shelf.served = true, true
	if news {
		s.changed()
	}
}

// absent takes in that the API server has no such kind, so no objects of it.
func (s *store) absent(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[kind]
	if shelf.read && !shelf.served {
		return
	}
	*shelf = shelf.empty()
	s.changed()
}

func (*shelf) empty() shelf {
	return shelf{objects: map[key]held{}, unread: map[key]error{}, read: true}
}

// waiting are the kinds that were not read yet, sorted.
func (s *store) waiting() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for kind, shelf := range s.shelves {
		if !shelf.read {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}

func (s *store) hasRead(kind string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shelves[kind].read
}

func (s *store) serves(kind string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shelves[kind].served
}

// all are the objects of a kind with their versions, which nobody may change.
func all[T metav1.Object](s *store, kind string) map[key]version[T] {
	s.mu.RLock()
	defer s.mu.RUnlock()
	objects := s.shelves[kind].objects
	out := make(map[key]version[T], len(objects))
	for k, h := range objects {
		out[k] = version[T]{h.object.(T), h.version}
	}
	return out
}

// version is an object as of a resource version.
type version[T any] struct {
	object T
	at     string
}

func list[T metav1.Object](of map[key]version[T]) []T {
	out := make([]T, 0, len(of))
	for _, v := range of {
		out = append(out, v.object)
	}
	return out
}

// newer tells whether a version is certain to be newer than another.
func newer(a, b string) bool {
	by, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && by > 0
}
