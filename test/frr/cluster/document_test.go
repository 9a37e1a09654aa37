package cluster

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const document = "../../../docs/scenarios.md"

var namedTest = regexp.MustCompile("`(Test[A-Za-z0-9]+(?:/[a-z0-9-]+)?)`")

// TestTheDocumentNamesEveryScenario holds docs/scenarios.md to the tests: what it names is there, and what is in this package it names.
func TestTheDocumentNamesEveryScenario(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	named := map[string]bool{}
	for _, m := range namedTest.FindAllStringSubmatch(string(text), -1) {
		named[m[1]] = true
	}
	ours, everywhere := testsIn(t, "."), testsIn(t, "../../..")
	for name := range named {
		require.True(t, everywhere[name], "the document names %s, which is no test", name)
	}
	for name := range ours {
		test, _, isScenario := strings.Cut(name, "/")
		whole := !isScenario && slices.ContainsFunc(slices.Collect(maps.Keys(ours)), func(o string) bool { return strings.HasPrefix(o, test+"/") })
		if test == t.Name() || whole {
			continue
		}
		require.True(t, named[name], "the document does not name %s", name)
	}
}

// testsIn are the test functions below a folder, and the scenarios of families as TestX/name.
func testsIn(t *testing.T, root string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		if root == "." && file.Name.Name != "cluster" {
			return nil
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			out[f.Name.Name] = true
			for _, s := range scenariosIn(f) {
				out[f.Name.Name+"/"+s] = true
			}
		}
		return nil
	}))
	return out
}

// scenariosIn are the names in a test's []scenario{{"name", ...}}.
func scenariosIn(f *ast.FuncDecl) []string {
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		array, ok := list.Type.(*ast.ArrayType)
		if !ok {
			return true
		}
		if of, ok := array.Elt.(*ast.Ident); !ok || of.Name != "scenario" {
			return true
		}
		for _, e := range list.Elts {
			name, err := strconv.Unquote(e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value)
			if err == nil {
				out = append(out, name)
			}
		}
		return true
	})
	return out
}
