package status

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// noteLength is how many bytes an Event's note may have (events.k8s.io/v1).
const noteLength = 1024

// note makes a text fit for an Event: on one line, without controls, valid, and no longer than the API server takes. Whoever may name a Service
// or write a field decides what stands in it.
func note(text string) string { return cut(problem.OneLine(text), noteLength) }

// cut shortens valid text to a number of bytes.
func cut(text string, length int) string {
	if len(text) <= length {
		return text
	}
	const more = " ..."
	end := length - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// sentence is a problem without its object, which an Event names otherwise.
func sentence(p problem.Problem) string {
	text := p.Message + " (" + string(p.Reason) + ")"
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	return text
}

// What the API server takes as the value of a label, and as the name of an object.
const (
	labelLimit = 63
	nameLimit  = 253
)

// labelValue is the name of an object as the value of a label.
func labelValue(name string) string { return shortened(name, labelLimit) }

// objectName is a name that may be too long with its prefix.
func objectName(name string) string { return shortened(name, nameLimit) }

// shortened cuts a name that is too long; it then ends with a hash of all of it. No dot comes before the hyphen: such is no name.
func shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	hash := "-" + short(name)
	return strings.TrimRight(name[:limit-len(hash)], "-._") + hash
}

// short is a hash of 8 hexadecimal digits.
func short(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:4])
}
