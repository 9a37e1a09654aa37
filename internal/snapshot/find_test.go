package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

func TestObjectsAreFoundInWhateverOrderTheyCome(t *testing.T) {
	var objects Objects
	for _, name := range []string{"c", "a", "b"} {
		objects.Services = append(objects.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}})
	}
	find := objects.Finder()
	for _, name := range []string{"a", "b", "c"} {
		uid, exists := find(problem.Object{Kind: "Service", Namespace: "shop", Name: name})
		require.True(t, exists, name)
		require.Equal(t, types.UID("uid-"+name), uid)
	}
	for _, o := range []problem.Object{{Kind: "Service", Namespace: "shop", Name: "d"}, {Kind: "Service", Namespace: "a", Name: "a"}, {Kind: "Foreign", Name: "a"}} {
		_, exists := find(o)
		require.False(t, exists, o)
	}
	require.Equal(t, "c", objects.Services[0].Name, "what is shared stays as it is")
}
