package source

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest file that is read, in bytes: far above a whole cluster in one list, far below what would hurt.
const maxFile = 32 << 20

// part is the text of one document of a file.
type part struct {
	line int // of its first line in the file, from 1
	text []byte
	// dots: a "..." line ended the document before it.
	dots bool
}

// split cuts a file at its "---" and "..." lines, so that a document which can't be read does not take its neighbors with it. YAML 1.2
// (9.1.2) allows these lines nowhere inside a document, not even in quotes.
func split(data []byte) []part {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var parts []part
	start, startLine, line, dots := 0, 1, 1, false
	end := func(at int) {
		if p := (part{startLine, data[start:at], dots}); !p.blank() {
			parts = append(parts, p)
		}
	}
	for pos := 0; pos < len(data); line++ {
		next := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		switch {
		case isMarker(data[pos:next], "---"):
			end(pos)
			start, startLine, dots = pos, line, false // the marker's line may hold the document's first value
		case isMarker(data[pos:next], "..."):
			end(pos)
			start, startLine, dots = next, line+1, true
		}
		pos = next
	}
	end(len(data))
	return parts
}

func isMarker(line []byte, marker string) bool {
	return bytes.HasPrefix(line, []byte(marker)) && (len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0)
}

// blank tells whether the part holds nothing but comments and directives.
func (p part) blank() bool {
	for rest := p.text; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		if isMarker(line, "---") {
			line = line[3:]
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// syntaxError says where and why a text is not YAML or JSON. The message holds nothing of the text, which may be a secret.
type syntaxError struct {
	line    int
	message string
}

func (e *syntaxError) Error() string { return e.message }

// parseYAML reads one document; nil for an empty one. The nodes' lines count from the part's own first line.
func parseYAML(p part) (root *yaml.Node, err error) {
	// The parser is another's; a panic of it must not end the program that keeps FRR.
	defer func() {
		if recover() != nil {
			root, err = nil, &syntaxError{1, "not valid YAML"}
		}
	}()
	var document yaml.Node
	if err := yaml.Unmarshal(p.text, &document); err != nil {
		return nil, yamlError(p.text, err)
	}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return nil, nil
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlProblems are what the parser says of a text, as far as it is worth repeating; whatever is not listed may quote the text.
var yamlProblems = []struct{ known, hint string }{
	{"did not find expected", " key or end; check the indentation and the quotes around this line"},
	{"could not find expected", " key or end; check the indentation and the quotes around this line"},
	{"mapping values are not allowed", " here; check the indentation and the quotes of the line"},
	{"found character that cannot start", " a value; indent with spaces, not tabs, and quote values that begin with a sign"},
	{"found a tab character", "; indent with spaces, not tabs"},
	{"found unexpected end of stream", "; a quote or bracket that opens here is not closed"},
	{"unknown anchor", "; quote a value that begins with *"},
	{"found unknown escape", "; write the value in single quotes"},
	{"block sequence entries are not allowed", " here; check the indentation"},
	{"control characters are not allowed", ""},
	{"invalid leading UTF-8", ""},
	{"invalid trailing UTF-8", ""},
	{"incomplete UTF-8", ""},
	{"found undefined tag handle", "; quote a value that begins with !"},
}

func yamlError(data []byte, err error) *syntaxError {
	if len(data) <= maxBlamed {
		if known := knownSlip(data); known != nil {
			return known
		}
	}
	out := &syntaxError{1, "not valid YAML"}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			out.line = n
		}
		text = text[len(m[0]):]
	}
	for _, p := range yamlProblems {
		if strings.HasPrefix(text, p.known) {
			out.message += ": " + p.known + p.hint
			break
		}
	}
	if len(data) <= maxBlamed {
		out.line = blame(data, out.line)
	}
	return out
}

// slips are what people copy from documents that show a manifest wrongly: lines that can't be YAML.
var slips = []struct {
	lines   *regexp.Regexp // its second group is where the slip is
	mended  string
	message string
}{
	{
		regexp.MustCompile(`(?m)^(kind:[ \t]*[A-Za-z]+[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*)([ \t]+(?:name|namespace|labels|annotations):)`),
		"${1}metadata:\n$2",
		`not valid YAML: name and namespace stand under kind; a line "metadata:" is missing before them`,
	},
	{
		regexp.MustCompile(`(?m)^()([ \t]+\.\.\.[ \t]*\r?)$`),
		"",
		"not valid YAML: a line of three dots; delete it, or make it a comment (# ...)",
	},
}

// knownSlip explains a text that is not YAML, if it is one once its slips are mended; nil otherwise.
func knownSlip(data []byte) *syntaxError {
	var first *syntaxError
	mended := data
	for _, slip := range slips {
		at := slip.lines.FindSubmatchIndex(data)
		if at == nil {
			continue
		}
		if line := 1 + bytes.Count(data[:at[4]], []byte("\n")); first == nil || line < first.line {
			first = &syntaxError{line, slip.message}
		}
		mended = slip.lines.ReplaceAll(mended, []byte(slip.mended))
	}
	if first == nil || yaml.Unmarshal(mended, &yaml.Node{}) != nil {
		return nil
	}
	return first
}

// maxBlamed is the size of a document up to which its faulty line is searched for: 0.1 s at the worst.
const maxBlamed = 16 << 10

// blame finds the line after which nothing can make the document valid again, which is where a person looks for the slip; the parser names
// the line where the enclosing block began, or one nearby. Lines up to a slip are a document of their own, unless they end inside a bracket
// or quote: so bisect, and go on behind a bracket or quote that is closed within some lines.
func blame(data []byte, reported int) int {
	ends := []int{0} // of each line
	for i, c := range data {
		if c == '\n' || i == len(data)-1 {
			ends = append(ends, i+1)
		}
	}
	valid := func(lines int) bool {
		var n yaml.Node
		return yaml.Unmarshal(data[:ends[lines]], &n) == nil
	}
	const ahead, rounds = 20, 10
	good := 0
	for range rounds {
		bad := len(ends) - 1
		for bad-good > 1 {
			if middle := (good + bad) / 2; valid(middle) {
				good = middle
			} else {
				bad = middle
			}
		}
		next := bad + 1
		for next < min(len(ends)-1, bad+ahead) && !valid(next) {
			next++
		}
		if next >= min(len(ends)-1, bad+ahead) {
			return bad
		}
		good = next
	}
	return max(good+1, reported)
}
