// Command generate writes what of the chart follows from the code: the roles from the lists of rights, the CRDs behind values, and the
// tables of rights in docs/security.md.
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
	chart           = "charts/frr-renderer"
	crdsDir         = chart + "/crds"
	crdsFile        = chart + "/templates/crds.yaml"
	rbacFile        = chart + "/templates/rbac.yaml"
	managerRBACFile = chart + "/templates/rbac-manager.yaml"
	docsFile        = "docs/security.md"
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
	docs := string(old)
	for _, a := range []account{speaker, manager} {
		if docs, err = withTable(docs, a.table, rightsTable(a.rights)); err != nil {
			return nil, fmt.Errorf("%s: %w", docsFile, err)
		}
	}
	if docs, err = withTable(docs, "rights at the source", rightsTable(rights.Source())); err != nil {
		return nil, fmt.Errorf("%s: %w", docsFile, err)
	}
	return map[string][]byte{crdsFile: crds, rbacFile: roles(speaker), managerRBACFile: roles(manager), docsFile: []byte(docs)}, nil
}

// account is a ServiceAccount of the chart.
type account struct {
	component string // of the names of its roles
	helper    string // the template that names it
	condition string // under which the chart has it
	table     string // the name of its table in docsFile
	rights    []rights.Right
}

var (
	speaker = account{"speaker", "frr-renderer.serviceAccountName", ".Values.rbac.create", "rights", rights.All()}
	manager = account{"manager", "frr-renderer.managerAccountName", "and .Values.gdc.enabled .Values.rbac.create", "rights of the manager", append(rights.Manager(), rights.Copies()...)}
)

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

// roles writes the ClusterRole and the Roles of an account, each rule under its reason.
func roles(a account) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{{- if %s }}\n"+written, a.condition, "internal/rights")
	for _, scope := range []rights.Scope{rights.Cluster, rights.Namespace, rights.Reports, rights.Copied} {
		a.role(&b, scope)
	}
	b.WriteString("{{- end }}\n")
	return b.Bytes()
}

// roleOf are the kind of role of a scope, what its name ends with, and the namespace where it is.
var roleOf = map[rights.Scope]struct{ kind, suffix, namespace string }{
	rights.Cluster:   {"ClusterRole", "", ""},
	rights.Namespace: {"Role", "", "{{ .Release.Namespace | quote }}"},
	rights.Reports:   {"Role", "-reports", strconv.Quote(string(rights.Reports))}, // another name, since this may be the release's own namespace
	rights.Copied:    {"Role", "-copies", "{{ .Values.gdc.manager.source.namespace | quote }}"},
}

func (a account) role(b *bytes.Buffer, scope rights.Scope) {
	var all []rights.Right
	for _, r := range a.rights {
		if r.Scope == scope {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return
	}
	needs := common(all)
	if needs != "" {
		fmt.Fprintf(b, "{{- if .Values.%s }}\n", needs)
	}
	of := roleOf[scope]
	name := "{{ include \"frr-renderer.fullname\" . }}-" + a.component + of.suffix
	meta := func(kind string) {
		fmt.Fprintf(b, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n  name: %s\n", kind, name)
		if of.namespace != "" {
			fmt.Fprintf(b, "  namespace: %s\n", of.namespace)
		}
		b.WriteString("  labels:\n    {{- include \"frr-renderer.labels\" . | nindent 4 }}\n")
	}
	meta(of.kind)
	b.WriteString("rules:\n")
	for _, r := range all {
		if r.If == needs {
			r.If = ""
		}
		rule(b, r)
	}
	meta(of.kind + "Binding")
	fmt.Fprintf(b, `roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: %s
  name: %s
subjects:
- kind: ServiceAccount
  name: {{ include %q . | quote }}
  namespace: {{ .Release.Namespace | quote }}
`, of.kind, name, a.helper)
	if needs != "" {
		b.WriteString("{{- end }}\n")
	}
}

// common is the value without which none of the rights is needed; empty: some always are.
func common(all []rights.Right) string {
	for _, r := range all {
		if r.If != all[0].If {
			return ""
		}
	}
	return all[0].If
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

// withTable puts the table between its marks.
func withTable(text, name, table string) (string, error) {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
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
