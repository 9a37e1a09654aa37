package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseJSON reads the values of a JSON file, one after the other, in the form that YAML has here: lines and duplicate keys are kept, and
// escapes that YAML does not know (a surrogate pair) are read by JSON's own rules. Values before a broken one are returned with the error.
func parseJSON(data []byte) ([]*yaml.Node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := &jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.decoder.UseNumber()
	var values []*yaml.Node
	for {
		value, err := r.value(0)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, &syntaxError{r.here(), "not valid JSON; check the commas, quotes and brackets around this line"}
		}
		values = append(values, value)
	}
}

type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	line    int
	counted int // bytes that line counts
}

// here is the line where the reader stands.
func (r *jsonReader) here() int {
	offset := min(int(r.decoder.InputOffset()), len(r.data))
	r.line += bytes.Count(r.data[r.counted:offset], []byte("\n"))
	r.counted = offset
	return r.line
}

var errDepth = errors.New("too deep")

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.here()}
	switch v := token.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return nil, errDepth
		}
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if v == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		return n, r.members(n, depth)
	case string:
		n.Tag, n.Value, n.Style = "!!str", v, yaml.DoubleQuotedStyle
	case bool:
		n.Tag, n.Value = "!!bool", "false"
		if v {
			n.Value = "true"
		}
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

func (r *jsonReader) members(n *yaml.Node, depth int) error {
	for r.decoder.More() {
		member, err := r.value(depth + 1)
		if err != nil {
			return truncated(err)
		}
		n.Content = append(n.Content, member)
	}
	_, err := r.decoder.Token() // the closing bracket
	return truncated(err)
}

// truncated makes the end of the data inside a value an error.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
