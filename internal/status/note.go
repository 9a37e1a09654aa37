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
func note(text string) string { return cut(clean(text), noteLength) }

// clean takes out what is not to be seen in a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

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

// labelLimit is what the API server takes as the value of a label.
const labelLimit = 63

// labelValue is a name as the value of a label: a longer one is cut, and ends with a hash of all of it.
func labelValue(name string) string {
	if len(name) <= labelLimit {
		return name
	}
	return strings.TrimRight(name[:labelLimit-9], "-._") + "-" + short(name)
}

// nameLimit is what the API server takes as the name of an object.
const nameLimit = 253

// objectName is a name that may be too long with its prefix, in the same way.
func objectName(name string) string {
	if len(name) <= nameLimit {
		return name
	}
	return strings.TrimRight(name[:nameLimit-9], "-.") + "-" + short(name)
}

// short is a hash of 8 hexadecimal digits.
func short(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:4])
}
