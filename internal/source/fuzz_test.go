package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"testdata/*.yaml", examples + "/*/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, s := range []string{
		"a: &a [*a]", "a: &a {<<: *a}", "apiVersion: v1\nkind: List\nitems: &i [{apiVersion: v1, kind: List, items: *i}]", "--- |\n x\n...\n--- !!binary x", "? {a: b}\n: c",
		"kind: A\n  name: a\n...\n  ...\nb: c", "apiVersion: networking.gke.io/v1\nkind: NetworkGatewayGroup\nmetadata: {name: a}\nspec: {nodeSelector: [{a: b}, \"c in (d)\"]}",
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}`, "[", "\r\r0", "\u2028\u0085[", "\ufeff%YAML 9.9\n---\n", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {p: aGk=}",
	} {
		f.Add([]byte(s))
	}
}

// Whatever a file holds, reading it ends, and every object that comes of it has names that an API server would take.
func FuzzYAML(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 1 // at most: YAML breaks lines at more than line feeds (YAML 1.1, 4.2)
		for _, b := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += bytes.Count(data, []byte(b))
		}
		for _, p := range split(data) {
			check(t, readYAML(p, "metallb-system"), lines-p.line+1)
		}
	})
}

func FuzzJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, readJSON(data, "metallb-system"), bytes.Count(data, []byte("\n"))+1)
	})
}

func check(t *testing.T, d document, lines int) {
	t.Helper()
	for _, e := range d.entries {
		for _, p := range e.problems {
			_ = p.String()
		}
		if e.object == nil {
			continue
		}
		if len(validation.IsDNS1123Subdomain(e.object.GetName())) > 0 || e.object.GetName() != e.identity.Name || e.object.GetNamespace() != e.identity.Namespace {
			t.Fatalf("object %q is known as %v", e.object.GetName(), e.identity)
		}
		_ = fmt.Sprintf("%+v", e.object)
	}
	for _, p := range d.problems {
		if p.Line < 0 || p.Line > lines+1 {
			t.Fatalf("line %d of %d: %v", p.Line, lines, p)
		}
		if bytes.Contains([]byte(p.Message), []byte("BUG")) {
			t.Fatal(p)
		}
	}
}
