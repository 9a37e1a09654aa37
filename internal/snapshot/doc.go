// Package snapshot is everything that matters to one node at one moment: objects selected, references and endpoints resolved,
// lists sorted, nothing shared with a source that could still change it.
//
// In come all objects that a source knows (Objects); out goes what translate needs for one node (Snapshot). It decides nothing
// about meaning and knows nothing of FRR.
package snapshot
