package source

import (
	"io/fs"
	"syscall"

	"k8s.io/apimachinery/pkg/api/equality"
)

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// keepPointers gives an object of now that is equal to one of before that one's pointer, so that others may tell by it what changed.
func keepPointers(before, now []decoded) {
	if len(before) == 0 {
		return
	}
	old := make(map[any]decoded, len(before))
	for _, d := range before {
		old[d.identity] = d
	}
	for i := range now {
		if d, ok := old[now[i].identity]; ok && equality.Semantic.DeepEqual(d.object, now[i].object) {
			now[i].object = d.object
		}
	}
}
