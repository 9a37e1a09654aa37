package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// kind is a kind of object that is read.
type kind struct {
	group, version, kind string
}

// spec says how a kind is read.
type spec struct {
	new func() metav1.Object
	// own kinds are ours to check: unknown fields are told.
	own bool
	// cluster kinds have no namespace.
	cluster bool
	// private kinds matter in our namespace only.
	private bool
}

const metallbGroup = "metallb.io"

var kinds = map[kind]spec{
	{metallbGroup, "v1beta2", "BGPPeer"}:          {new: func() metav1.Object { return &v1beta2.BGPPeer{} }, own: true, private: true},
	{metallbGroup, "v1beta1", "BGPPeer"}:          {new: func() metav1.Object { return &v1beta1.BGPPeer{} }, own: true, private: true},
	{metallbGroup, "v1beta1", "IPAddressPool"}:    {new: func() metav1.Object { return &v1beta1.IPAddressPool{} }, own: true, private: true},
	{metallbGroup, "v1beta1", "BGPAdvertisement"}: {new: func() metav1.Object { return &v1beta1.BGPAdvertisement{} }, own: true, private: true},
	{metallbGroup, "v1beta1", "BFDProfile"}:       {new: func() metav1.Object { return &v1beta1.BFDProfile{} }, own: true, private: true},
	{metallbGroup, "v1beta1", "Community"}:        {new: func() metav1.Object { return &v1beta1.Community{} }, own: true, private: true},
	{"", "v1", "Service"}:                         {new: func() metav1.Object { return &corev1.Service{} }},
	{"", "v1", "Node"}:                            {new: func() metav1.Object { return &corev1.Node{} }, cluster: true},
	{"", "v1", "Namespace"}:                       {new: func() metav1.Object { return &corev1.Namespace{} }, cluster: true},
	{"", "v1", "Secret"}:                          {new: func() metav1.Object { return &corev1.Secret{} }, private: true},
	{"", "v1", "ConfigMap"}:                       {new: func() metav1.Object { return &corev1.ConfigMap{} }, private: true},
	{"discovery.k8s.io", "v1", "EndpointSlice"}:   {new: func() metav1.Object { return &discoveryv1.EndpointSlice{} }},
}

// extrasName is the one ConfigMap that is read.
const extrasName = "bgpextras"

// decoded is one object of a file.
type decoded struct {
	object   metav1.Object
	identity problem.Object
	line     int
}

// content is what one file holds.
type content struct {
	objects  []decoded
	problems []problem.Problem
}

// decode reads every document of a file. namespace is that of the metallb.io objects.
func decode(path string, data []byte, namespace string) content {
	d := decoder{path: path, namespace: namespace}
	for _, doc := range split(data) {
		raw, duplicates, err := doc.toJSON()
		if err != nil {
			d.unreadable(err)
			continue
		}
		if raw != nil {
			d.object(raw, doc.line, duplicates)
		}
	}
	return d.content
}

type decoder struct {
	path      string
	namespace string
	content
}

func (d *decoder) unreadable(err *readError) {
	reason := problem.Malformed
	if err.message == errTooLarge.Error() || err.message == errTooDeep.Error() {
		reason = problem.TooLarge
	}
	d.problems = append(d.problems, problem.Problem{
		Severity: problem.Error, File: d.path, Line: err.line, Message: err.message + "; this document is left out", Reason: reason,
	})
}

// header is what tells the kind of an object.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

func (d *decoder) object(raw []byte, line int, duplicates []string) {
	if raw[0] != '{' {
		d.unreadable(&readError{line, "not an object: a manifest has apiVersion, kind and metadata"})
		return
	}
	var h header
	headerErr := kjson.UnmarshalCaseSensitivePreserveInts(raw, &h)
	if headerErr != nil && (h.APIVersion == "" || h.Kind == "") {
		d.unreadable(&readError{line, "apiVersion, kind and metadata are not those of an object"})
		return
	}
	if h.Kind == "List" && h.APIVersion == "v1" || strings.HasSuffix(h.Kind, "List") && h.Items != nil {
		for _, item := range h.Items {
			d.object(item, line, nil)
		}
		return
	}
	if h.Kind == "" || h.APIVersion == "" {
		d.unreadable(&readError{line, "apiVersion or kind is missing"})
		return
	}
	group, version, found := strings.Cut(h.APIVersion, "/")
	if !found {
		group, version = "", h.APIVersion
	}
	k := kind{group, version, h.Kind}
	s, known := kinds[k]
	if !known {
		d.unknownKind(k, h)
		return
	}
	d.known(k, s, raw, h, line, duplicates)
}

// unknownKind tells of our kinds in a version that is not served; other kinds are no business of ours.
func (d *decoder) unknownKind(k kind, h header) {
	if k.group != metallbGroup {
		return
	}
	for other := range kinds {
		if other.group == k.group && other.kind == k.kind {
			d.problems = append(d.problems, problem.Problem{
				Severity: problem.Error,
				Object:   problem.Object{Kind: k.kind, Group: k.group, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name},
				Field:    "apiVersion",
				Message:  fmt.Sprintf("%s/%s is not served; write %s/%s", k.group, k.version, other.group, newest(k.kind)),
				Reason:   problem.UnsupportedKind,
			})
			return
		}
	}
}

func newest(kind string) string {
	if kind == "BGPPeer" {
		return "v1beta2"
	}
	return "v1beta1"
}

func (d *decoder) known(k kind, s spec, raw []byte, h header, line int, duplicates []string) {
	object := s.new()
	strict, err := kjson.UnmarshalStrict(raw, object)
	if object.GetNamespace() == "" && !s.cluster {
		if s.private {
			object.SetNamespace(d.namespace)
		} else {
			object.SetNamespace(metav1.NamespaceDefault)
		}
	}
	identity := problem.Object{Kind: k.kind, Group: k.group, Namespace: object.GetNamespace(), Name: object.GetName()}
	if identity.Name == "" {
		identity.Name = h.Metadata.Name
	}
	report := func(severity problem.Severity, field string, reason problem.Reason, message string) {
		d.problems = append(d.problems, problem.Problem{Severity: severity, Object: identity, Field: field, Reason: reason, Message: message})
	}
	if s.private && !s.own && (object.GetNamespace() != d.namespace || k.kind == "ConfigMap" && object.GetName() != extrasName) {
		return
	}
	if err != nil {
		field, message := wrongType(err)
		report(problem.Error, field, problem.WrongType, message+"; the object is left out")
		return
	}
	if why, field := badName(object, h, s); why != "" {
		reason := problem.InvalidValue
		if object.GetName() == "" {
			reason = problem.Required
			identity.Name = ""
		}
		if identity.Name == "" {
			d.problems = append(d.problems, problem.Problem{Severity: problem.Error, File: d.path, Line: line, Field: field, Reason: reason, Message: why})
			return
		}
		report(problem.Error, field, reason, why)
		return
	}
	if s.own && object.GetNamespace() != d.namespace {
		report(problem.Warning, "metadata.namespace", problem.OtherNamespace, fmt.Sprintf(
			"only namespace %s is read; move the object there, or say --namespace %s", d.namespace, object.GetNamespace()))
		return
	}
	for _, at := range duplicates {
		report(problem.Warning, at, problem.DuplicateField, "the key stands twice; the first value is used")
	}
	if s.own {
		for _, e := range strict {
			if field := unknownField(e); field != "" {
				report(problem.Warning, field, problem.UnknownField, fmt.Sprintf("%s %s has no such field; it is ignored", k.kind, k.version))
			}
		}
	}
	if old, ok := object.(*v1beta1.BGPPeer); ok {
		object = old.ToV1Beta2()
	}
	d.objects = append(d.objects, decoded{object, identity, line})
}

// badName says what an API server would: names come from files here, and end up in lines.
func badName(object metav1.Object, h header, s spec) (why, field string) {
	if object.GetName() == "" {
		return "the object has no name", "metadata.name"
	}
	if errs := validation.IsDNS1123Subdomain(object.GetName()); len(errs) > 0 {
		return "not a name: " + errs[0], "metadata.name"
	}
	if s.cluster {
		return "", ""
	}
	if errs := validation.IsDNS1123Label(object.GetNamespace()); len(errs) > 0 {
		return "not a namespace: " + errs[0], "metadata.namespace"
	}
	return "", ""
}

var quoted = regexp.MustCompile(`"([^"]*)"`)

// unknownField takes the path out of a strict decoding error; empty for others.
func unknownField(err error) string {
	text := err.Error()
	if m := quoted.FindStringSubmatch(text); m != nil && strings.HasPrefix(text, "unknown field") {
		return m[1]
	}
	return ""
}

// wrongType tells the field and what it should be, without the value that stands there: it may be a secret.
func wrongType(err error) (field, message string) {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		// A number in a field of numbers is no secret.
		if value, isNumber := strings.CutPrefix(typed.Value, "number "); isNumber && typed.Type.Kind() != reflect.String {
			return typed.Field, fmt.Sprintf("%s is out of range: %s", value, goType(typed.Type))
		}
		return typed.Field, fmt.Sprintf("a %s stands where %s belongs", strings.Fields(typed.Value + " value")[0], goType(typed.Type))
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "time: "):
		return "spec", "a duration is not one, as in 10s or 1m30s"
	case strings.Contains(text, "parsing time"):
		return "metadata", "a time is not one, as in 2026-01-31T12:00:00Z"
	case strings.Contains(text, "illegal base64"):
		return "data", "a value is not base64"
	}
	return "", "a value is not of the type that the field has"
}

// goType says what a field takes.
func goType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "a mapping"
}
