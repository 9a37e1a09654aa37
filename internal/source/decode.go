package source

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

const (
	// maxDepth is how deep values may nest; Kubernetes' kinds stay below 20.
	maxDepth = 200
	// maxFaults is how many problems of one object are told.
	maxFaults = 20
)

// fault is what is wrong with one field. The message holds no value, but for numbers in fields of numbers: it may be a secret.
type fault struct {
	severity problem.Severity
	field    string
	reason   problem.Reason
	message  string
}

// decoder fills a Go value from a YAML tree by its json tags, with the rules of an API server: names of fields are case-sensitive, no
// value changes its type, null is absent. It goes on after a fault, so that the user learns of all.
type decoder struct {
	// strict tells of fields that the kind does not have.
	strict string
	// budget is how many values may still be looked at. A document holds fewer than it has bytes; aliases are what needs more.
	budget int
	faults []fault
}

// step is the way from the object to a value.
type step struct {
	parent *step
	name   string
	index  int
	// keyed: what lies below has keys of the user's rather than fields. They may have dots, such as the names of annotations.
	keyed bool
}

// String is the path as the user writes it.
func (s *step) String() string {
	if s == nil {
		return ""
	}
	parent := s.parent.String()
	switch {
	case s.name == "":
		return fmt.Sprintf("%s[%d]", parent, s.index)
	case parent == "":
		return printable(s.name)
	case s.parent.keyed:
		return parent + "[" + printable(s.name) + "]"
	}
	return parent + "." + printable(s.name)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}$`)

// printable keeps what is no name out of problems: "password:secret" without the space is a key.
func printable(name string) string {
	if plainKey.MatchString(name) {
		return name
	}
	return "(unreadable key)"
}

func (d *decoder) fault(severity problem.Severity, at *step, reason problem.Reason, format string, args ...any) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, fault{severity, at.String(), reason, fmt.Sprintf(format, args...)})
	}
}

// wrong tells that a value of another type stands where want belongs.
func (d *decoder) wrong(n *yaml.Node, at *step, want string) {
	d.fault(problem.Error, at, problem.WrongType, "a %s stands where %s belongs%s", typeOf(n), want, mend(n, at, want))
}

// mend says what to write instead, where that does not follow from what belongs there.
func mend(n *yaml.Node, at *step, want string) string {
	field := at
	for field != nil && field.name == "" {
		field = field.parent
	}
	addresses := field != nil && (strings.HasSuffix(field.name, "IP") || strings.HasSuffix(field.name, "IPs"))
	switch {
	case want == aList && addresses:
		return "; write it as a list of addresses, such as [10.0.1.100, 10.0.1.101]"
	case want == aList:
		return "; write each entry on a line of its own after a dash, or all in brackets"
	case want == aText && addresses:
		return "; write an IP address"
	case want == aText && n.Kind == yaml.ScalarNode:
		return "; put it in quotes"
	}
	return ""
}

// broken tells whether the object can't be used.
func (d *decoder) broken() bool {
	for _, f := range d.faults {
		if f.severity == problem.Error {
			return true
		}
	}
	return false
}

// spend tells whether a value may still be looked at.
func (d *decoder) spend(at *step) bool {
	if d.budget--; d.budget >= 0 {
		return true
	}
	if d.budget == -1 {
		d.faults = append(d.faults, fault{problem.Error, at.String(), problem.TooLarge, "the document is too large once its aliases are expanded"})
	}
	return false
}

var (
	durationType    = reflect.TypeFor[metav1.Duration]()
	timeType        = reflect.TypeFor[metav1.Time]()
	asnType         = reflect.TypeFor[baremetalv1.ASN]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

func (d *decoder) value(n *yaml.Node, into reflect.Value, at *step) {
	if !d.spend(at) {
		return
	}
	n = resolve(n)
	if isNull(n) {
		return
	}
	switch into.Type() {
	case durationType:
		d.duration(n, into, at)
		return
	case timeType:
		d.time(n, into, at)
		return
	case asnType:
		d.unmarshal(n, into, at)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(n, into.Elem(), at)
	case reflect.Struct:
		if into.Addr().Type().Implements(unmarshalerType) {
			d.unmarshal(n, into, at)
			return
		}
		d.structure(n, into, at)
	case reflect.Map:
		d.mapping(n, into, at)
	case reflect.Slice:
		if into.Type().Elem().Kind() == reflect.Uint8 {
			d.bytes(n, into, at)
			return
		}
		d.sequence(n, into, at)
	case reflect.String:
		if s, ok := text(n); ok {
			into.SetString(s)
			return
		}
		d.wrong(n, at, describe(into.Type()))
	case reflect.Bool:
		b, ok := boolean(n)
		if !ok {
			d.wrong(n, at, describe(into.Type()))
			return
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.integer(n, into, at)
	}
}

func (d *decoder) structure(n *yaml.Node, into reflect.Value, at *step) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, at, describe(into.Type()))
		return
	}
	fields := fieldsOf(into.Type())
	d.pairs(n, at, func(key string, value *yaml.Node, here *step) {
		field, known := fields[key]
		switch {
		case known && field == nil: // see skipped
		case known:
			d.value(value, into.FieldByIndex(field), here)
		case d.strict != "":
			hint := ""
			for name := range fields {
				if strings.EqualFold(name, key) {
					hint = "; did you mean " + name + "?"
				}
			}
			d.fault(problem.Warning, here, problem.UnknownField, "%s has no such field; it is ignored%s", d.strict, hint)
		}
	})
}

func (d *decoder) mapping(n *yaml.Node, into reflect.Value, at *step) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, at, describe(into.Type()))
		return
	}
	at.keyed = true
	out := reflect.MakeMapWithSize(into.Type(), len(n.Content)/2)
	d.pairs(n, at, func(key string, value *yaml.Node, here *step) {
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(value, element, here)
		out.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), element)
	})
	into.Set(out)
}

// pairs calls for each key of a mapping once, and tells of keys that stand twice. Keys that a merge (<<) brings yield to the mapping's own.
func (d *decoder) pairs(n *yaml.Node, at *step, visit func(key string, value *yaml.Node, here *step)) {
	seen := make(map[string]struct{}, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, value := resolve(n.Content[i]), n.Content[i+1]
		if keyNode.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if keyNode.Kind != yaml.ScalarNode {
			d.fault(problem.Error, at, problem.Malformed, "a key is not a plain word")
			continue
		}
		here := &step{parent: at, name: keyNode.Value}
		if keyNode.Value == "" {
			here.name = " " // no index
		}
		if _, twice := seen[keyNode.Value]; twice {
			// Two values for one key are two intentions; the first is used, and the user is told.
			d.fault(problem.Warning, here, problem.DuplicateField, "the key stands twice; the first value is used")
			continue
		}
		seen[keyNode.Value] = struct{}{}
		visit(keyNode.Value, value, here)
	}
	for _, m := range merges {
		d.merge(m, at, seen, visit, 0)
	}
}

func (d *decoder) merge(n *yaml.Node, at *step, seen map[string]struct{}, visit func(string, *yaml.Node, *step), depth int) {
	n = resolve(n)
	if depth > maxDepth || !d.spend(at) {
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, e := range n.Content {
			d.merge(e, at, seen, visit, depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			keyNode := resolve(n.Content[i])
			if keyNode.ShortTag() == "!!merge" {
				d.merge(n.Content[i+1], at, seen, visit, depth+1)
				continue
			}
			if _, have := seen[keyNode.Value]; have || keyNode.Kind != yaml.ScalarNode || keyNode.Value == "" {
				continue
			}
			seen[keyNode.Value] = struct{}{}
			visit(keyNode.Value, n.Content[i+1], &step{parent: at, name: keyNode.Value})
		}
	default:
		d.wrong(n, at, "a mapping to merge (<<)")
	}
}

func (d *decoder) sequence(n *yaml.Node, into reflect.Value, at *step) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, at, describe(into.Type()))
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, e := range n.Content {
		d.value(e, out.Index(i), &step{parent: at, index: i})
	}
	into.Set(out)
}

// bytes reads base64, the form of a Secret's data.
func (d *decoder) bytes(n *yaml.Node, into reflect.Value, at *step) {
	s, ok := text(n)
	if !ok {
		d.wrong(n, at, "base64")
		return
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		d.fault(problem.Error, at, problem.InvalidValue, "the value is not base64; plain text belongs into stringData")
		return
	}
	into.SetBytes(data)
}

func (d *decoder) duration(n *yaml.Node, into reflect.Value, at *step) {
	s, ok := text(n)
	if !ok {
		d.wrong(n, at, "a duration such as 10s or 1m30s")
		return
	}
	length, err := time.ParseDuration(s)
	if err != nil {
		d.fault(problem.Error, at, problem.InvalidValue, "not a duration such as 10s or 1m30s")
		return
	}
	into.Set(reflect.ValueOf(metav1.Duration{Duration: length}))
}

func (d *decoder) time(n *yaml.Node, into reflect.Value, at *step) {
	s, ok := text(n)
	moment, err := time.Parse(time.RFC3339, s)
	if !ok || err != nil {
		d.fault(problem.Error, at, problem.InvalidValue, "not a time such as 2026-01-31T12:00:00Z")
		return
	}
	into.Set(reflect.ValueOf(metav1.Time{Time: moment.Local()}))
}

func (d *decoder) integer(n *yaml.Node, into reflect.Value, at *step) {
	literal, ok := wholeNumber(n)
	if !ok {
		d.wrong(n, at, describe(into.Type()))
		return
	}
	if into.CanInt() {
		if i, err := strconv.ParseInt(literal, 0, into.Type().Bits()); err == nil {
			into.SetInt(i)
			return
		}
	} else if u, err := strconv.ParseUint(strings.TrimPrefix(literal, "+"), 0, into.Type().Bits()); err == nil {
		into.SetUint(u)
		return
	}
	d.fault(problem.Error, at, problem.WrongType, "%.40s is out of range: %s", literal, describe(into.Type()))
}

// unmarshal leaves a value to its type: quantities, ports that are numbers or names.
func (d *decoder) unmarshal(n *yaml.Node, into reflect.Value, at *step) {
	value, ok := d.plain(n, at, 0)
	if !ok {
		return
	}
	data, err := json.Marshal(value)
	if err == nil {
		err = into.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(data)
	}
	if err != nil {
		d.fault(problem.Error, at, problem.WrongType, "a %s stands where %s belongs", typeOf(n), describe(into.Type()))
		return
	}
	if s, ok := into.Addr().Interface().(*networkingv1.NodeSelector); ok {
		if _, err := s.Selector(); err != nil {
			d.fault(problem.Error, at, problem.InvalidValue, "not a selector of nodes: %.300s", err)
		}
	}
}

// plain is a value as encoding/json has it.
func (d *decoder) plain(n *yaml.Node, at *step, depth int) (any, bool) {
	n = resolve(n)
	if depth > maxDepth || !d.spend(at) {
		return nil, false
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		ok := true
		d.pairs(n, at, func(key string, value *yaml.Node, here *step) {
			var fine bool
			out[key], fine = d.plain(value, here, depth+1)
			ok = ok && fine
		})
		return out, ok
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, e := range n.Content {
			var ok bool
			if out[i], ok = d.plain(e, at, depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	}
	if isNull(n) {
		return nil, true
	}
	if literal, ok := wholeNumber(n); ok {
		if i, err := strconv.ParseInt(literal, 0, 64); err == nil {
			return i, true
		}
	}
	switch n.ShortTag() {
	case "!!bool":
		return boolean(n)
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return n.Value, true
}

// text is the value of a string: quoted, or plain and nothing else. 65535:65282 is such a text, not a number to base 60 as YAML 1.1 has it.
func text(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || !utf8.ValidString(n.Value) {
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, true
	}
	return "", false
}

// boolean takes YAML 1.1's words too, as kubectl does.
func boolean(n *yaml.Node) (value, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false, true
	}
	return false, false
}

// wholeNumber is the literal of a number without a fraction, for strconv with base 0.
func wholeNumber(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch n.ShortTag() {
	case "!!int":
		return strings.ReplaceAll(n.Value, "_", ""), true
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		if err != nil || f != math.Trunc(f) || math.IsInf(f, 0) {
			return "", false
		}
		return strconv.FormatFloat(f, 'f', 0, 64), true
	}
	return "", false
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// typeOf names what stands in the document.
func typeOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "number"
	case "!!bool":
		return "bool"
	}
	return "string"
}

// What strings and slices are called.
const (
	aText = "a text"
	aList = "a list"
)

// describe says what a field takes.
func describe(t reflect.Type) string {
	if t == asnType {
		return `an AS number from 1 to 4294967295 (one with two parts in quotes, such as "1.10")`
	}
	switch t.Kind() {
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(unmarshalerType) {
			return "another value"
		}
	case reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return aText
	case reflect.Slice:
		return aList
	}
	return "a mapping"
}

// skipped are large fields that nothing here reads; they are not even looked at.
var skipped = map[reflect.Type]map[string]bool{
	reflect.TypeFor[metav1.ObjectMeta](): {"managedFields": true},
}

var fieldCache sync.Map // reflect.Type -> map[string][]int

// fieldsOf is the index of each field by its name in documents; nil for those that are skipped.
func fieldsOf(t reflect.Type) map[string][]int {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(map[string][]int)
	}
	fields := map[string][]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "" || strings.Contains(options, "inline"):
			for inner, index := range fieldsOf(f.Type) {
				if index == nil {
					fields[inner] = nil
					continue
				}
				fields[inner] = append([]int{i}, index...)
			}
		default:
			fields[name] = []int{i}
			if skipped[t][name] {
				fields[name] = nil
			}
		}
	}
	fieldCache.Store(t, fields)
	return fields
}

// into fills an object.
func (d *decoder) into(n *yaml.Node, object metav1.Object) {
	d.value(n, reflect.ValueOf(object).Elem(), nil)
}

// misplaced tells of fields of a Cluster that stand one level too high, as a document has them. Whoever serves Clusters decides about other
// fields.
func (d *decoder) misplaced(n *yaml.Node, v version) {
	if v.group != baremetalGroup || v.kind != "Cluster" {
		return
	}
	spec := member(n, "spec")
	if spec == nil {
		return
	}
	for _, name := range []string{"services", "pods"} {
		if field := member(spec, name); field != nil && member(field, "cidrBlocks") != nil {
			d.fault(problem.Warning, &step{parent: &step{name: "spec"}, name: name}, problem.UnknownField,
				"it stands beside clusterNetwork, where it means nothing; put it under clusterNetwork")
		}
	}
}
