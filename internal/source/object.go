package source

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// entry is one object of a file. object is nil when the object can't be used; then problems say why, and which it would be.
type entry struct {
	identity problem.Object
	line     int // within its document
	object   metav1.Object
	problems []problem.Problem
	// kept: the object is what stood here before, since what stands here now can't be used.
	kept bool
}

// told are the entry's problems, with what becomes of the object.
func (e entry) told() []problem.Problem {
	if !e.kept {
		return e.problems
	}
	out := slices.Clone(e.problems)
	for i, q := range out {
		if q.Severity == problem.Error {
			out[i].Message = strings.TrimSuffix(q.Message, leftOut) + stillUsed
		}
	}
	return out
}

// document is what one part of a file holds.
type document struct {
	entries []entry
	// problems of what is no object; their lines count from the part's first line.
	problems []problem.Problem
	// incomplete: something here is no object, so it may be one that is half written.
	incomplete bool
}

// documentReader reads the objects of one document.
type documentReader struct {
	namespace string // of our own kinds
	budget    int
	dots      bool // see part
	document
}

// maxListDepth is how deep lists may hold lists.
const maxListDepth = 4

// readYAML reads one part of a YAML file.
func readYAML(p part, namespace string) document {
	r := documentReader{namespace: namespace, budget: budget(len(p.text)), dots: p.dots}
	root, err := parseYAML(p)
	switch {
	case err != nil:
		r.unreadable(err)
	case root != nil:
		r.guarded(root)
	}
	return r.document
}

// readJSON reads a JSON file.
func readJSON(data []byte, namespace string) document {
	r := documentReader{namespace: namespace, budget: budget(len(data))}
	values, err := parseJSON(data)
	for _, v := range values {
		r.guarded(v)
	}
	if err != nil {
		r.unreadable(err)
	}
	return r.document
}

// budget is how many values a document of so many bytes may come to.
func budget(size int) int { return 10_000 + 2*size }

func (r *documentReader) unreadable(err error) {
	line, message := 1, err.Error()
	if s, ok := err.(*syntaxError); ok {
		line = s.line
	}
	r.malformed(problem.Error, line, message+"; this document is left out")
}

func (r *documentReader) malformed(severity problem.Severity, line int, message string) {
	r.incomplete = true
	r.problems = append(r.problems, problem.Problem{Severity: severity, Line: line, Message: message, Reason: problem.Malformed})
}

// guarded reads a value; a panic is our mistake, and no reason to stop serving the other documents.
func (r *documentReader) guarded(n *yaml.Node) {
	defer func() {
		if recover() != nil {
			r.malformed(problem.Error, n.Line, "BUG: this document can't be read; please report it")
		}
	}()
	r.value(n, header{}, 0)
}

// header is what tells the kind and name of an object.
type header struct {
	apiVersion, kind string
	namespace, name  string
	namespaceOK      bool // absent, or a string
	nameOK           bool
}

func headerOf(n *yaml.Node, inherited header) header {
	h := header{apiVersion: inherited.apiVersion, kind: inherited.kind, nameOK: true, namespaceOK: true}
	if s, ok := stringIn(n, "apiVersion"); ok && s != "" {
		h.apiVersion = s
	}
	if s, ok := stringIn(n, "kind"); ok && s != "" {
		h.kind = s
	}
	if meta := member(n, "metadata"); meta != nil {
		h.name, h.nameOK = stringIn(meta, "name")
		h.namespace, h.namespaceOK = stringIn(meta, "namespace")
	}
	return h
}

func (h header) version() version {
	group, v, found := strings.Cut(h.apiVersion, "/")
	if !found {
		group, v = "", h.apiVersion
	}
	return version{group, v, h.kind}
}

// value reads an object or a list of them. inherited is what a typed list says of its items.
func (r *documentReader) value(n *yaml.Node, inherited header, depth int) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.malformed(problem.Error, n.Line, "not an object: a manifest has apiVersion, kind and metadata; this document is left out")
		return
	}
	h := headerOf(n, inherited)
	if h.kind == "" || h.apiVersion == "" {
		message := "no Kubernetes object: apiVersion or kind is missing; this document is ignored"
		if r.dots {
			message += "; the line of three dots before it ends a document: delete it, if this belongs to what is above"
		}
		r.malformed(problem.Warning, n.Line, message)
		return
	}
	v := h.version()
	handling, known := handlings[v]
	if known {
		r.object(n, v, handling, h)
		return
	}
	items := member(n, "items")
	itemKind, isList := strings.CutSuffix(h.kind, "List")
	if isList && items != nil && items.Kind == yaml.SequenceNode && depth < maxListDepth {
		item := header{}
		if itemKind != "" {
			item.apiVersion, item.kind = h.apiVersion, itemKind
		}
		for _, e := range items.Content {
			if r.budget--; r.budget < 0 {
				r.problems = append(r.problems, problem.Problem{
					Severity: problem.Error, Line: n.Line, Reason: problem.TooLarge, Message: "the document is too large once its aliases are expanded",
				})
				return
			}
			r.value(e, item, depth+1)
		}
		return
	}
	r.unserved(v, h, n.Line)
}

// unserved tells of our kinds in a version that nobody serves, and of what is nearly a kind of ours; other kinds are no business of ours.
func (r *documentReader) unserved(v version, h header, line int) {
	field, message := "apiVersion", ""
	switch write := newest[v.groupKind()]; {
	case write != "":
		message = fmt.Sprintf("%s/%s is not served; write %s/%s", v.group, printable(v.version), v.group, write)
	case v.group == metallbGroup && v.kind == "AddressPool":
		message = "MetalLB no longer has this kind; write an IPAddressPool and a BGPAdvertisement"
	default:
		meant := meantKind(v.groupKind())
		if meant == "" {
			return
		}
		field, message = "kind", fmt.Sprintf("%s has no such kind; write %s", v.group, meant)
	}
	identity := r.identity(v, handling{}, h)
	r.entries = append(r.entries, entry{identity: identity, line: line, problems: []problem.Problem{{
		Severity: problem.Error, Object: identity, Field: field, Message: message, Reason: problem.UnsupportedKind,
	}}})
}

// meantKind is the kind of ours that somebody meant who wrote it in another case, or in the plural, as kubectl takes it; empty: none.
func meantKind(wrote schema.GroupKind) string {
	for known := range newest {
		if known.Group == wrote.Group && (strings.EqualFold(known.Kind, wrote.Kind) || strings.EqualFold(known.Kind+"s", wrote.Kind)) {
			return known.Kind
		}
	}
	return ""
}

func (r *documentReader) identity(v version, h handling, head header) problem.Object {
	out := problem.Object{Kind: v.kind, Group: v.group, Namespace: head.namespace, Name: shortened(head.name)}
	switch {
	case h.cluster:
		out.Namespace = ""
	case out.Namespace == "" && (h.private || v.group == metallbGroup):
		out.Namespace = r.namespace
	case out.Namespace == "":
		out.Namespace = metav1.NamespaceDefault
	}
	out.Namespace = shortened(out.Namespace)
	return out
}

// shortened keeps a hostile name from filling logs; no valid name is longer.
func shortened(name string) string {
	if len(name) > 253 {
		return strings.ToValidUTF8(name[:253], "") + "..."
	}
	return name
}

func (r *documentReader) object(n *yaml.Node, v version, handling handling, head header) {
	e := entry{identity: r.identity(v, handling, head), line: n.Line}
	foreign := handling.private && e.identity.Namespace != r.namespace && head.namespaceOK
	if !handling.own && foreign || handling.only != "" && head.name != handling.only {
		return
	}
	say := func(severity problem.Severity, field string, reason problem.Reason, message string) {
		e.problems = append(e.problems, problem.Problem{Severity: severity, Object: e.identity, Field: field, Reason: reason, Message: message})
	}
	defer func() { r.entries = append(r.entries, e) }()

	if head.nameOK && head.name == "" {
		r.incomplete = true
		r.problems = append(r.problems, problem.Problem{
			Severity: problem.Error, Line: n.Line, Field: "metadata.name", Reason: problem.Required, Message: "the object has no name",
		})
		return
	}
	if field, message := badName(e.identity, head, handling); message != "" {
		say(problem.Error, field, problem.InvalidValue, message)
		return
	}
	if foreign {
		say(problem.Warning, "metadata.namespace", problem.OtherNamespace, fmt.Sprintf(
			"only namespace %s is read; move the object there, or say --namespace %s", r.namespace, e.identity.Namespace))
		return
	}

	d := decoder{budget: r.budget}
	if handling.own {
		d.strict = v.kind + " " + v.version
		if v.group != metallbGroup {
			d.strict = v.kind + " of " + v.group // which may be meant to be MetalLB's
		}
	}
	object := handling.new()
	d.into(n, object)
	d.misplaced(n, v)
	r.budget = d.budget
	for _, f := range d.faults {
		if f.severity == problem.Error {
			f.message += leftOut
		}
		say(f.severity, f.field, f.reason, f.message)
	}
	if d.broken() {
		return
	}
	e.object = tidy(object, e.identity)
}

// leftOut ends the message of what made an object unusable; see stillUsed.
const (
	leftOut   = "; the object is left out"
	stillUsed = "; the object's last good form stays in use"
)

// badName holds names to what an API server holds them to: here they come from files, and they end up in lines.
func badName(identity problem.Object, head header, h handling) (field, message string) {
	if head.nameOK {
		check := validation.IsDNS1123Subdomain
		if h.label {
			check = validation.IsDNS1123Label
		}
		if errs := check(head.name); len(errs) > 0 {
			return "metadata.name", "not a name: " + errs[0]
		}
	}
	if h.cluster || !head.namespaceOK {
		return "", ""
	}
	if errs := validation.IsDNS1123Label(identity.Namespace); len(errs) > 0 {
		return "metadata.namespace", "not a namespace: " + errs[0]
	}
	return "", ""
}

// tidy makes an object what an API server would make of it, as far as that matters, and drops what nobody reads.
func tidy(object metav1.Object, identity problem.Object) metav1.Object {
	object.SetNamespace(identity.Namespace)
	// It repeats the object, password and all.
	delete(object.GetAnnotations(), corev1.LastAppliedConfigAnnotation)
	switch o := object.(type) {
	case *v1beta1.BGPPeer:
		return o.ToV1Beta2()
	case *corev1.Secret:
		for key, value := range o.StringData {
			if o.Data == nil {
				o.Data = map[string][]byte{}
			}
			o.Data[key] = []byte(value)
		}
		o.StringData = nil
	case *corev1.Node:
		o.Status.Images = nil // hundreds of names
	}
	return object
}

// member is the value of a key in a mapping; nil without one.
func member(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i].Kind == yaml.ScalarNode {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

// stringIn is a string in a mapping; empty when it is absent, not ok when something else stands there.
func stringIn(n *yaml.Node, key string) (value string, ok bool) {
	v := member(n, key)
	if v == nil || isNull(v) {
		return "", true
	}
	return text(v)
}
