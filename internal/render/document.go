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

// Edit is the document with other lines in its blocks. edit is called with each line of a block and the block's first line, both without indentation, and
// returns what stands there instead.
func (d Document) Edit(edit func(block, line string) []string) Document {
	var out strings.Builder
	out.WriteString(strings.Repeat(" ", headSize))
	block, edited := "", false
	for line := range strings.Lines(d.Text) {
		switch {
		case strings.HasPrefix(line, DigestComment):
		case !strings.HasPrefix(line, " "):
			block = strings.TrimSpace(line)
			out.WriteString(line)
		default:
			word := strings.TrimSpace(line)
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			lines := edit(block, word)
			edited = edited || len(lines) != 1 || lines[0] != word
			for _, l := range lines {
				out.WriteString(indent + l + "\n")
			}
		}
	}
	if !edited {
		return d
	}
	return newDocument([]byte(out.String()))
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
