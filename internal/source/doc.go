// Package source is where objects come from: manifests in files and directories, or an API server, read once or watched.
//
// Paths, or how to reach an API server, go in; snapshot.Objects and the problems of documents that can't be read go out. It knows Kubernetes' forms
// (YAML, kinds, namespaces, watches) and nothing of what a field means for BGP. What is known stays while it can't be read.
package source
