package render

import (
	"bytes"
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
// Templates have sprig's hermetic text functions: none reads the environment, the clock, the network or a source of randomness. They have
// "networks" besides, which prints a "network" line for each of a list.
func New(overlay fs.FS) (*Renderer, error) {
	root := template.New(templates.Root).Funcs(sprig.HermeticTxtFuncMap()).Funcs(template.FuncMap{"networks": networks}).Option("missingkey=error")
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
	text := bytes.NewBuffer(make([]byte, headSize, headSize+sizeOf(config)))
	if err := r.root.Execute(text, config); err != nil {
		return Document{}, fmt.Errorf("execute template: %w", err)
	}
	return newDocument(text.Bytes()), nil
}

// sizeOf is about how long the text will be: room for it is made once.
func sizeOf(config frrconf.Config) int {
	size := 4 << 10
	for _, i := range config.Instances {
		size += networkSize * (len(i.IPv4.Networks) + len(i.IPv6.Networks))
	}
	return size
}

// networkSize is what a "network" line mostly takes.
const networkSize = 48

// networks are "network" lines, each after a line end and an indent. There may be ten thousand, for which "range" would take ten times as long.
func networks(indent string, list []frrconf.Network) string {
	out := make([]byte, 0, networkSize*len(list))
	for _, n := range list {
		out = append(append(append(out, '\n'), indent...), "network "...)
		out = n.Append(out)
	}
	return string(out)
}

func names() string {
	files, _ := fs.Glob(templates.FS, "*.tmpl")
	return fmt.Sprint(files)
}
