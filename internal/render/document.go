package render

import (
	"encoding/json"
	"fmt"
)

// Document is one frr.conf, whole: what FRR should run, in the form that `show running-config` prints it.
type Document struct {
	// Text ends with a newline. It may hold passwords: never log it.
	Text string
	// Digest is "sha256:" and 64 hexadecimal digits over Text without its digest comment.
	Digest string
}

// Format implements fmt.Formatter: a document prints as its digest, whatever the verb, since its text may hold passwords.
func (d Document) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("document " + d.Digest)) }

// MarshalJSON implements json.Marshaler, without the text.
func (d Document) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"digest": d.Digest})
}
