package manager

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

func peer(version, address string) *networking.BGPPeer {
	return &networking.BGPPeer{ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: version}, Spec: networking.BGPPeerSpec{PeerIP: address}}
}

func held1(s *store) string {
	for _, v := range all[*networking.BGPPeer](s, peerKind) {
		return v.at + " " + v.object.Spec.PeerIP
	}
	return ""
}

func TestTheStoreKeepsTheNewerOfTwo(t *testing.T) {
	s := newStore([]string{peerKind})
	s.replace(peerKind, []metav1.Object{peer("7", "10.0.0.1")}, nil, "9")
	changes := s.changes.Load()
	s.put(peerKind, peer("8", "10.0.0.1"))
	require.Equal(t, "8 10.0.0.1", held1(s))
	require.Equal(t, changes, s.changes.Load(), "it says what it said")

	s.wrote(peerKind, peer("12", "10.0.0.2"))
	require.Equal(t, changes, s.changes.Load(), "we have written it ourselves")
	s.put(peerKind, peer("10", "10.0.0.1")) // the watch is behind
	s.remove(peerKind, key{Name: "p"}, "11")
	s.replace(peerKind, nil, nil, "11")
	require.Equal(t, "12 10.0.0.2", held1(s))
	s.put(peerKind, peer("12", "10.0.0.2"))
	require.Equal(t, changes, s.changes.Load())

	s.put(peerKind, peer("100", "10.0.0.3")) // as numbers, not as texts
	require.Equal(t, "100 10.0.0.3", held1(s))
	require.Greater(t, s.changes.Load(), changes)
	s.drop(peerKind, key{Name: "p"}, newest)
	require.Empty(t, held1(s))
}

func TestAKindThatIsNotServedIsReadAndEmpty(t *testing.T) {
	s := newStore([]string{peerKind})
	require.Equal(t, []string{peerKind}, s.waiting())
	s.absent(peerKind)
	require.Empty(t, s.waiting())
	require.False(t, s.serves(peerKind))
	s.replace(peerKind, []metav1.Object{peer("7", "10.0.0.1")}, nil, "9")
	require.True(t, s.serves(peerKind))
	s.absent(peerKind)
	require.Empty(t, held1(s))
}

func TestAnObjectThatCannotBeReadKeepsItsLastFormAndHurtsNoOther(t *testing.T) {
	log := &strings.Builder{}
	m := &Manager{store: newStore([]string{peerKind}), health: newHealth(nil), trouble: newTrouble(slog.New(slog.NewTextHandler(log, nil)))}
	f := &feed{manager: m, kind: kind{name: peerKind, read: decode[networking.BGPPeer]}}
	object := func(name, version string, address any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": name, "resourceVersion": version}, "spec": map[string]any{"peerIP": address},
		}}
	}
	f.Replace([]runtime.Object{object("a", "1", "10.0.0.1"), object("b", "2", []any{})}, "3")
	f.Put(object("a", "4", int64(7)))
	f.Put(object("c", "5", "10.0.0.3"))
	f.Replace([]runtime.Object{object("a", "4", int64(7)), object("b", "2", []any{}), object("c", "5", "10.0.0.3")}, "6")
	var got []string
	for k, v := range all[*networking.BGPPeer](m.store, peerKind) {
		got = append(got, k.Name+" "+v.at+" "+v.object.Spec.PeerIP)
	}
	slices.Sort(got)
	require.Equal(t, []string{"a 1 10.0.0.1", "c 5 10.0.0.3"}, got)
	require.Equal(t, 2, strings.Count(log.String(), "can't be read"), log.String())
	f.Put(object("a", "7", "10.0.0.2"))
	require.Contains(t, log.String(), "the object can be read")
}
