package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const many = 10_000

// manyFiles lays a cluster of one Service a file, as kubectl prints Services.
func manyFiles(t testing.TB) string {
	t.Helper()
	return filesOf(t, many)
}

func filesOf(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.yaml", i)), []byte(fullService(i, 80)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fullService(i, port int) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: service-%05d
  namespace: shop
  labels: {app: shop, tier: web}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Cluster
  selector: {app: shop}
  ports:
  - {name: http, port: %d, protocol: TCP, targetPort: 8080}
status:
  loadBalancer:
    ingress:
    - ip: 10.%d.%d.%d
`, i, port, i>>16, i>>8&255, i&255)
}

func BenchmarkRead10000Files(b *testing.B) {
	dir := manyFiles(b)
	for b.Loop() {
		r, err := Read([]string{dir}, Options{})
		if err != nil || len(r.Objects.Services) != many {
			b.Fatal(err, len(r.Objects.Services))
		}
	}
}

// One file of many changes: from its events being over to the new result.
func BenchmarkEditAmong10000Files(b *testing.B) {
	dir := manyFiles(b)
	t := newTree([]string{dir}, Options{})
	t.rescan(nil)
	path := filepath.Join(dir, "05000.yaml")
	port := 1000
	for b.Loop() {
		b.StopTimer()
		port++
		require.NoError(b, os.WriteFile(path, []byte(fullService(5000, port)), 0o600))
		b.StartTimer()
		if !t.refresh([]string{path}) || len(t.result().Objects.Services) != many {
			b.Fatal("not noticed")
		}
	}
}

func BenchmarkRescanOf10000Files(b *testing.B) {
	dir := manyFiles(b)
	t := newTree([]string{dir}, Options{})
	t.rescan(nil)
	// Until the files' time stamps are old enough to be trusted.
	for last := filepath.Join(dir, "09999.yaml"); !t.store.files[last].settled(t.store.files[last].stamp); {
		t.rescan(nil)
	}
	for b.Loop() {
		if t.rescan(nil) {
			b.Fatal("changed")
		}
	}
}

// Our own share of a change does not grow with what there is besides: what an edit allocates among 10,000 files is what it allocates among 100, but for the
// list of the objects. BenchmarkEditAmong10000Files says how long it takes.
func TestAnEditAmong10000FilesCostsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	few, all := allocations(t, 100), allocations(t, many)
	t.Logf("allocations of an edit: %v among 100 files, %v among %d", few, all, many)
	require.Less(t, all, few+100)
}

// allocations are those of one edit.
func allocations(t *testing.T, files int) float64 {
	t.Helper()
	dir := filesOf(t, files)
	tree := newTree([]string{dir}, Options{})
	tree.rescan(nil)
	path := filepath.Join(dir, "00050.yaml")
	port := 1000
	return testing.AllocsPerRun(10, func() {
		port++
		require.NoError(t, os.WriteFile(path, []byte(fullService(50, port)), 0o600))
		require.True(t, tree.refresh([]string{path}))
		tree.result()
	})
}
