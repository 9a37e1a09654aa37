package source

import (
	"cmp"
	"errors"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Options say how manifests are read.
type Options struct {
	// Namespace of the metallb.io objects; empty: snapshot.DefaultNamespace. Objects of these kinds without a namespace are taken as its.
	Namespace string
}

// Result is what the paths hold at one moment. It shares objects and lists with other Results: nobody may change them.
type Result struct {
	// Objects are sorted by namespace and name. An object whose document did not change is the same pointer as in the Result before.
	Objects snapshot.Objects
	// Problems of documents that can't be read, or not as a whole, in the order of problem.Sort.
	Problems []problem.Problem
	// Unread are objects that are there, can't be read, and have no good form from before: left out of Objects, but not deleted.
	Unread []problem.Object
	// Incomplete tells that some file or path could not be read, so that objects may be there that neither Objects nor Unread has.
	Incomplete bool
}

// Read reads files and directories (recursive; *.yaml, *.yml, *.json) once. The error tells of paths that can't be read at all;
// whatever is wrong inside a file is a problem.
func Read(paths []string, options Options) (Result, error) {
	t := newTree(paths, options)
	t.rescan(nil)
	if err := errors.Join(t.lost()...); err != nil {
		return Result{}, err
	}
	return t.result(), nil
}

func (o Options) namespace() string { return cmp.Or(o.Namespace, snapshot.DefaultNamespace) }
