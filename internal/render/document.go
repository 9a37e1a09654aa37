package render

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
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

// Without is the document without lines. drop is called with each line of a block and the block's first line, and gets both without indentation.
func (d Document) Without(drop func(block, line string) bool) Document {
	var kept []string
	block, dropped := "", false
	for line := range strings.Lines(d.Text) {
		switch {
		case strings.HasPrefix(line, DigestComment):
			continue
		case !strings.HasPrefix(line, " "):
			block = strings.TrimSpace(line)
		case drop(block, strings.TrimSpace(line)):
			dropped = true
			continue
		}
		kept = append(kept, line)
	}
	if !dropped {
		return d
	}
	return newDocument([]byte(strings.Repeat(" ", headSize) + strings.Join(kept, "")))
}

const (
	sha256Name = "sha256:"
	// headSize is what the line with the digest takes.
	headSize = len(DigestComment) + len(sha256Name) + 2*sha256.Size + 1
)

// newDocument makes a document of a text that begins with room for the digest.
func newDocument(text []byte) Document {
	digest := fmt.Sprintf("%s%x", sha256Name, sha256.Sum256(text[headSize:]))
	copy(text, DigestComment+digest+"\n")
	return Document{Text: string(text), Digest: digest}
}
