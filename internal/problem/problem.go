package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity says what a problem means for its object.
type Severity string

const (
	// Error: the object, or its change, is left out.
	Error Severity = "error"
	// Warning: the object is used as far as it goes.
	Warning Severity = "warning"
)

// Object names a Kubernetes object. Group is empty for the core group, Namespace for cluster-scoped kinds.
type Object struct {
	Kind      string `json:"kind"`
	Group     string `json:"group,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String prints KIND.GROUP NAMESPACE/NAME, with - for what is absent.
func (o Object) String() string {
	kind := o.Kind
	if o.Group != "" {
		kind += "." + o.Group
	}
	return fmt.Sprintf("%s %s/%s", dash(kind), dash(o.Namespace), dash(o.Name))
}

// Problem is one thing that is wrong with one object, or with a document that could not be read as one.
type Problem struct {
	Severity Severity `json:"severity"`
	// Object is the zero value when the document could not be read; then File is set.
	Object Object `json:"object,omitzero"`
	// File and Line (from 1; 0 when unknown) say where a document that could not be read lies.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Field is the path of the field as the user writes it, such as spec.peerAddress or spec.communities[1]; empty for the whole object.
	Field string `json:"field,omitempty"`
	// Message says what is wrong and how to mend it, in one line, without the value of any secret.
	Message string `json:"message"`
	Reason  Reason `json:"reason"`
	// Node is set where problems of several nodes are listed together and this one concerns some nodes only.
	Node string `json:"node,omitempty"`
}

// String is the one-line form that people and tests read:
//
//	error|warning KIND.GROUP NAMESPACE/NAME FIELD: MESSAGE (REASON)
//
// with - for what is absent and FILE:LINE in place of the object where a document can't be read.
func (p Problem) String() string {
	where := p.Object.String()
	if p.File != "" {
		where = p.File
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
	}
	return fmt.Sprintf("%s %s %s: %s (%s)", p.Severity, where, dash(p.Field), OneLine(p.Message), p.Reason)
}

// Sort orders problems as they are printed: errors first, then by place, field and message; equal ones are kept once.
func Sort(problems []Problem) []Problem {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Object.Group, b.Object.Group),
			cmp.Compare(a.Object.Kind, b.Object.Kind),
			cmp.Compare(a.Object.Namespace, b.Object.Namespace),
			cmp.Compare(a.Object.Name, b.Object.Name),
			cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Node, b.Node),
		)
	})
	return slices.Compact(problems)
}

// AnyError tells whether any object, or its change, was left out.
func AnyError(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return OneLine(s)
}

// OneLine keeps a hostile name or message on its line, off the terminal's controls, in the order in which it is read, and valid UTF-8.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, // controls
			r == '\u2028', r == '\u2029', // separators of lines and paragraphs
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069': // what turns the direction of writing
			return utf8.RuneError
		}
		return r
	}, s)
}
