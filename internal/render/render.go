package render

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/templates"
)

// DigestComment begins the line of a document that holds its digest.
const DigestComment = "! frr-renderer digest "

// Renderer turns configurations into documents. It is safe for concurrent use.
type Renderer struct {
	root *template.Template
}

// New returns a Renderer for the embedded templates, with those of overlay in their place where a file name is the same. overlay may be
// nil. The error names the file and line of a template that can't be parsed, or a file that replaces nothing.
//
// Templates have sprig's hermetic text functions: none reads the environment, the clock, the network or a source of randomness.
func New(overlay fs.FS) (*Renderer, error) {
	root := template.New(templates.Root).Funcs(sprig.HermeticTxtFuncMap()).Option("missingkey=error")
	root, err := root.ParseFS(templates.FS, "*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("BUG: parse the embedded templates: %w", err)
	}
	if overlay == nil {
		return &Renderer{root}, nil
	}
	files, err := fs.Glob(overlay, "*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	for _, name := range files {
		if root.Lookup(name) == nil {
			return nil, fmt.Errorf("template %s replaces none of the product's; those are %s", name, names())
		}
		text, err := fs.ReadFile(overlay, name)
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		if _, err := root.New(name).Parse(string(text)); err != nil {
			return nil, fmt.Errorf("parse template: %w", err)
		}
	}
	return &Renderer{root.Lookup(templates.Root)}, nil
}

// Render typesets a configuration. An error can only come from an overlay.
func (r *Renderer) Render(config frrconf.Config) (Document, error) {
	var text bytes.Buffer
	if err := r.root.Execute(&text, config); err != nil {
		return Document{}, fmt.Errorf("execute template: %w", err)
	}
	return document(text.Bytes()), nil
}

func document(text []byte) Document {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text))
	return Document{Text: DigestComment + digest + "\n" + string(text), Digest: digest}
}

func names() string {
	files, _ := fs.Glob(templates.FS, "*.tmpl")
	return fmt.Sprint(files)
}
