package manager

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
)

func TestOfAClusterIsCopiedWhatIsRead(t *testing.T) {
	var read []string
	for f := range reflect.TypeFor[baremetal.ClusterSpec]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		read = append(read, name)
	}
	require.ElementsMatch(t, read, clusterFields)
}

func copyOf(kind, name, uid string, labels map[string]string, spec map[string]any) (copyKey, version[*unstructured.Unstructured]) {
	u := &unstructured.Unstructured{Object: map[string]any{"kind": kind, "spec": spec}}
	u.SetName(name)
	u.SetUID(types.UID(uid))
	u.SetLabels(labels)
	return copyKey{kind, name}, version[*unstructured.Unstructured]{u, "1"}
}

// An API server that adds a default, or drops a field, would be written without an end otherwise.
func TestWhatAnAPIServerMakesOfASpecIsTheSame(t *testing.T) {
	c := copier{normal: map[copyKey]normalized{}}
	there, here := copyObjects{}, copyObjects{}
	k, o := copyOf(clusterKind, "bm", "there", nil, map[string]any{"type": "user"})
	there[k] = o
	asked := map[string]any{"peerIP": "10.8.0.10", "unknown": true}
	peer, o := copyOf(peerKind, "a", "peer-there", nil, asked)
	there[peer] = o
	k, o = copyOf(clusterKind, "bm", "here", map[string]string{CopiedFrom: "there"}, map[string]any{"type": "user"})
	here[k] = o
	got := map[string]any{"peerIP": "10.8.0.10", "sessions": int64(2)}
	_, here[peer] = copyOf(peerKind, "a", "peer-here", map[string]string{CopiedFrom: "there"}, got)
	plan := planCopies("cluster-bm", there, here, c.same)
	require.Len(t, plan.changes, 1)
	c.normal[peer] = normalized{asked, got}
	require.Empty(t, planCopies("cluster-bm", there, here, c.same).changes)
	here[peer].object.Object["spec"] = map[string]any{"peerIP": "10.8.0.10", "sessions": int64(3)}
	require.Len(t, planCopies("cluster-bm", there, here, c.same).changes, 1, "changed here")
	here[peer].object.Object["spec"] = got
	there[peer].object.Object["spec"] = map[string]any{"peerIP": "10.8.0.11"}
	require.Len(t, planCopies("cluster-bm", there, here, c.same).changes, 1, "changed there")
}

func TestACopyThatIsBeingDeletedIsLeftUntilItIsGone(t *testing.T) {
	there, here := copyObjects{}, copyObjects{}
	k, o := copyOf(clusterKind, "bm", "there", nil, map[string]any{"type": "user"})
	there[k] = o
	_, here[k] = copyOf(clusterKind, "bm", "here", map[string]string{CopiedFrom: "there"}, map[string]any{"type": "admin"})
	k, o = copyOf(peerKind, "gone", "gone-here", map[string]string{CopiedFrom: "there"}, nil)
	here[k] = o
	never := func(copyKey, any, any) bool { return false }
	require.Len(t, planCopies("cluster-bm", there, here, never).changes, 2)
	now := metav1.Now()
	for _, o := range here {
		o.object.SetDeletionTimestamp(&now)
	}
	require.Empty(t, planCopies("cluster-bm", there, here, never).changes)
}
