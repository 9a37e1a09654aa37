package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const many = 10_000

// manyFiles lays a cluster of one Service a file, as kubectl prints Services.
func manyFiles(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for i := range many {
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

// The budget of design.md: our own share of a change, of which this is the first part.
func TestAnEditAmong10000FilesCostsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	dir := manyFiles(t)
	tree := newTree([]string{dir}, Options{})
	tree.rescan(nil)
	path := filepath.Join(dir, "05000.yaml")
	best := time.Hour
	for i := range 10 {
		require.NoError(t, os.WriteFile(path, []byte(fullService(5000, 1000+i)), 0o600))
		start := time.Now()
		require.True(t, tree.refresh([]string{path}))
		tree.result()
		best = min(best, time.Since(start))
	}
	require.Less(t, best, 5*time.Millisecond)
}
