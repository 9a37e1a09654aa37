// Package render typesets a configuration: frrconf.Config in, Document (text and digest) out, by the templates of package templates.
//
// It decides nothing: what is in the configuration, its order and its names come from frrconf.
package render
