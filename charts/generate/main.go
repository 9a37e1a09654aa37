// Command generate writes what of the chart follows from the code: the roles from the list of rights, the CRDs behind values, and the
// table of rights in docs/security.md.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/rights"
)

//go:generate go run . -root ../..

func main() {
	root := flag.String("root", ".", "folder of the repository")
	flag.Parse()
	files, err := generate(*root)
	if err == nil {
		err = write(*root, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(root string, files map[string][]byte) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	chart    = "charts/frr-renderer"
	crdsDir  = chart + "/crds"
	crdsFile = chart + "/templates/crds.yaml"
	rbacFile = chart + "/templates/rbac.yaml"
	docsFile = "docs/security.md"
)

// generate returns the generated files by their names in the repository.
func generate(root string) (map[string][]byte, error) {
	crds, err := crdTemplate(filepath.Join(root, crdsDir))
	if err != nil {
		return nil, err
	}
	old, err := os.ReadFile(filepath.Join(root, docsFile))
	if err != nil {
		return nil, err
	}
	docs, err := withTable(string(old), rightsTable(rights.All()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", docsFile, err)
	}
	return map[string][]byte{crdsFile: crds, rbacFile: roles(rights.All()), docsFile: []byte(docs)}, nil
}

const written = "# Written by \"make generate\" from %s.\n"

// crdValues are the chart's values that install the CRDs of a group.
var crdValues = map[string]string{
	"metallb.io":               "crds.enabled",
	"networking.gke.io":        "crds.gdc",
	"baremetal.cluster.gke.io": "crds.gdcCluster",
}

// crdTemplate makes one template of the CRDs: they are installed on demand, and stay when the chart goes, with all objects of theirs.
func crdTemplate(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	parts := map[string]*bytes.Buffer{}
	for _, entry := range entries {
		group, _, _ := strings.Cut(entry.Name(), "_")
		value, known := crdValues[group]
		if !known {
			return nil, fmt.Errorf("%s is of group %s, which no value of the chart installs", entry.Name(), group)
		}
		if parts[value] == nil {
			parts[value] = &bytes.Buffer{}
		}
		if err := keptCRD(parts[value], filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	for _, value := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&b, "{{- if .Values.%s }}\n"+written+"%s{{- end }}\n", value, crdsDir, parts[value])
	}
	return b.Bytes(), nil
}

// keptCRD writes a CRD that helm does not delete.
func keptCRD(b *bytes.Buffer, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const annotations = "\n  annotations:\n"
	head, rest, found := strings.Cut(string(text), annotations)
	if !found {
		return fmt.Errorf("%s has no annotations to put the keep policy into", path)
	}
	b.WriteString(escape(head) + annotations + "    helm.sh/resource-policy: keep\n" + escape(rest))
	return nil
}

// escape keeps what helm would take for its own.
func escape(text string) string { return strings.ReplaceAll(text, "{{", "{{ \"{{\" }}") }

// roles writes the ClusterRole and the Role of the speaker, each rule under its reason.
func roles(all []rights.Right) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{{- if .Values.rbac.create }}\n"+written, "internal/rights")
	role(&b, "ClusterRole", all, rights.Cluster)
	role(&b, "Role", all, rights.Namespace)
	b.WriteString("{{- end }}\n")
	return b.Bytes()
}

func role(b *bytes.Buffer, kind string, all []rights.Right, scope rights.Scope) {
	meta := func(kind string) {
		fmt.Fprintf(b, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n  name: {{ include \"frr-renderer.fullname\" . }}-speaker\n", kind)
		if scope == rights.Namespace {
			b.WriteString("  namespace: {{ .Release.Namespace | quote }}\n")
		}
		b.WriteString("  labels:\n    {{- include \"frr-renderer.labels\" . | nindent 4 }}\n")
	}
	meta(kind)
	b.WriteString("rules:\n")
	for _, r := range all {
		if r.Scope == scope {
			rule(b, r)
		}
	}
	meta(kind + "Binding")
	fmt.Fprintf(b, `roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: %s
  name: {{ include "frr-renderer.fullname" . }}-speaker
subjects:
- kind: ServiceAccount
  name: {{ include "frr-renderer.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
`, kind)
}

func rule(b *bytes.Buffer, r rights.Right) {
	if r.If != "" {
		fmt.Fprintf(b, "{{- if .Values.%s }}\n", r.If)
	}
	fmt.Fprintf(b, "# %s\n- apiGroups: [%q]\n  resources: [%q]\n", r.Why, r.Group, r.Resource)
	if len(r.Names) > 0 {
		fmt.Fprintf(b, "  resourceNames: [%s]\n", quoted(r.Names))
	}
	if r.NamesFrom != "" {
		fmt.Fprintf(b, "  {{- with .Values.%s }}\n  resourceNames:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}\n", r.NamesFrom)
	}
	fmt.Fprintf(b, "  verbs: [%s]\n", quoted(r.Verbs))
	if r.If != "" {
		b.WriteString("{{- end }}\n")
	}
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = strconv.Quote(word)
	}
	return strings.Join(list, ", ")
}

const begin, end = "<!-- rights: begin -->\n", "<!-- rights: end -->"

// withTable puts the table between its marks.
func withTable(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("there is no %q with %q after it", strings.TrimSpace(begin), end)
	}
	return before + begin + table + end + after, nil
}

func rightsTable(all []rights.Right) string {
	var b strings.Builder
	b.WriteString("| where | resource | verbs | what for | only with |\n|---|---|---|---|---|\n")
	for _, r := range all {
		resource := r.Resource
		if r.Group != "" {
			resource += "." + r.Group
		}
		for _, name := range r.Names {
			resource += " `" + name + "`"
		}
		if r.NamesFrom != "" {
			resource += " (those of `" + r.NamesFrom + "`)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Scope, resource, strings.Join(r.Verbs, ", "), r.Why, code(r.If))
	}
	return b.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
