// Package source is where objects come from: manifests in files and directories, read once or watched.
//
// Paths go in; snapshot.Objects and the problems of documents that can't be read go out. It knows Kubernetes' forms (YAML, kinds,
// namespaces) and nothing of what a field means for BGP.
package source
