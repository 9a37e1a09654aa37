package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest file that is read, in bytes, and maxValues the most values that one document may hold with its aliases expanded:
// far above any manifest (an API server takes 3 MiB), far below what would hurt.
const (
	maxFile   = 64 << 20
	maxValues = 500_000
	maxDepth  = 200
)

// rawDocument is one document of a file, not yet read.
type rawDocument struct {
	line int // of its first line in the file, from 1
	text []byte
}

// split cuts a file at its "---" lines, so that a document which can't be read does not take the next ones with it.
func split(data []byte) []rawDocument {
	var docs []rawDocument
	start, startLine, line := 0, 1, 1
	for pos := 0; pos < len(data); line++ {
		end := bytes.IndexByte(data[pos:], '\n')
		next := len(data)
		if end >= 0 {
			next = pos + end + 1
		}
		if isSeparator(data[pos:next]) {
			docs = append(docs, rawDocument{startLine, data[start:pos]})
			start, startLine = next, line+1
			// "--- value" carries content on the separator's own line; keep it with its document.
			if rest := bytes.TrimSpace(data[pos+3 : next]); len(rest) > 0 && rest[0] != '#' {
				start, startLine = pos+3, line
			}
		}
		pos = next
	}
	return append(docs, rawDocument{startLine, data[start:]})
}

func isSeparator(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || strings.ContainsRune(" \t\r\n", rune(line[3])))
}

// readError says where in a file a document can't be read.
type readError struct {
	line    int
	message string
}

func (e *readError) Error() string { return e.message }

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// toJSON reads one YAML (or JSON) document as JSON; nil for an empty one. duplicates are the paths of keys that stand twice in one mapping.
func (d rawDocument) toJSON() (out []byte, duplicates []string, err *readError) {
	if len(bytes.TrimSpace(d.text)) == 0 {
		return nil, nil, nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil {
		return nil, nil, d.yamlError(err)
	}
	if len(root.Content) == 0 || root.Content[0].Kind == yaml.ScalarNode && root.Content[0].Tag == "!!null" {
		return nil, nil, nil
	}
	c := converter{budget: maxValues}
	var buf bytes.Buffer
	if err := c.write(&buf, root.Content[0], "", 0); err != nil {
		return nil, nil, &readError{d.line + max(c.line, 1) - 1, err.Error()}
	}
	return buf.Bytes(), c.duplicates, nil
}

// yamlError keeps the line and the kind of an error, not the text around it: that may be a password.
func (d rawDocument) yamlError(err error) *readError {
	line := d.line
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line += n - 1
		}
		text = text[len(m[0]):]
	}
	for _, known := range []string{
		"did not find expected", "could not find expected", "mapping values are not allowed", "found character that cannot start",
		"found unknown escape", "found unexpected end of stream", "found a tab character", "unknown anchor", "control characters are not allowed",
		"block sequence entries are not allowed", "invalid leading UTF-8", "invalid trailing UTF-8", "incomplete UTF-8", "found undefined tag handle",
	} {
		if strings.Contains(text, known) {
			return &readError{line, "not valid YAML: " + known + hint(known)}
		}
	}
	return &readError{line, "not valid YAML"}
}

func hint(known string) string {
	switch known {
	case "mapping values are not allowed":
		return " here; check the indentation and the quotes of the line"
	case "found a tab character", "found character that cannot start":
		return " a value; indent with spaces, not tabs"
	case "did not find expected", "could not find expected":
		return " key or end; check the indentation and the quotes around this line"
	}
	return ""
}

// converter writes a YAML tree as JSON.
type converter struct {
	budget     int
	line       int // where it stands, within the document
	duplicates []string
}

var (
	errTooLarge = errors.New("the document is too large once its aliases are expanded")
	errTooDeep  = fmt.Errorf("the document nests deeper than %d levels", maxDepth)
)

func (c *converter) write(buf *bytes.Buffer, n *yaml.Node, path string, depth int) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c.line = n.Line
	c.budget--
	switch {
	case c.budget < 0:
		return errTooLarge
	case depth > maxDepth:
		return errTooDeep
	}
	switch n.Kind {
	case yaml.MappingNode:
		return c.writeMapping(buf, n, path, depth)
	case yaml.SequenceNode:
		buf.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				buf.WriteByte(',')
			}
			if err := c.write(buf, e, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
				return err
			}
		}
		buf.WriteByte(']')
		return nil
	}
	return writeScalar(buf, n)
}

func (c *converter) writeMapping(buf *bytes.Buffer, n *yaml.Node, path string, depth int) error {
	seen := make(map[string]bool, len(n.Content)/2)
	buf.WriteByte('{')
	first := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		c.line = key.Line
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return errors.New("a key is not a plain word")
		}
		if key.Tag == "!!merge" {
			return errors.New("merge keys (<<) are not part of Kubernetes' YAML; write the fields out")
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if seen[key.Value] {
			// Two values for one key are two intentions; the first is used, and the user is told.
			c.duplicates = append(c.duplicates, at)
			continue
		}
		seen[key.Value] = true
		if !first {
			buf.WriteByte(',')
		}
		first = false
		if err := writeString(buf, key.Value); err != nil {
			return err
		}
		buf.WriteByte(':')
		if err := c.write(buf, value, at, depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

func writeString(buf *bytes.Buffer, s string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return errors.New("a text is not UTF-8")
	}
	buf.Write(b)
	return nil
}

// writeScalar writes a plain value by YAML's rules: 65535:65282 is a text, not a number to base 60 as YAML 1.1 would have it.
func writeScalar(buf *bytes.Buffer, n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		buf.WriteString("null")
		return nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return errors.New("not a boolean")
		}
		buf.WriteString(strconv.FormatBool(b))
		return nil
	case "!!int":
		var i int64
		if err := n.Decode(&i); err == nil {
			buf.WriteString(strconv.FormatInt(i, 10))
			return nil
		}
		var u uint64
		if err := n.Decode(&u); err == nil {
			buf.WriteString(strconv.FormatUint(u, 10))
			return nil
		}
	case "!!float":
		var f float64
		if err := n.Decode(&f); err == nil {
			if b, err := json.Marshal(f); err == nil {
				buf.Write(b)
				return nil
			}
		}
	}
	return writeString(buf, n.Value)
}
