// Package templates holds the text of frr.conf: one template per FRR block, in the form and order of "show running-config".
//
// Templates are typesetting: fields, range, "is it set". What goes in is an frrconf.Config; every decision is made before.
package templates

import "embed"

// Root is the template that a document is rendered from; it calls the others by file name.
const Root = "frr.conf.tmpl"

// FS holds the templates. A directory given with --templates replaces single files of it by name.
//
//go:embed *.tmpl
var FS embed.FS
