package source

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// file is one manifest as it was last read. It is never changed: a new reading makes a new one.
type file struct {
	path  string
	stamp stamp
	// readAt is when the reading began, in ns; see settled.
	readAt int64
	parts  []readPart
	// kept are objects that stood here before and are missing now that a document is incomplete: it may be half written.
	kept []entry
	// failed says why the file could not be read; parts are then those of the reading before.
	failed *problem.Problem
}

// readPart is one document with the text it came from, known by its digest.
type readPart struct {
	line   int
	digest [sha256.Size]byte
	document
}

// stamp tells whether a file is the one that was read.
type stamp struct {
	id           fileID
	size         int64
	mtime, ctime int64
}

// fileID is the same for all names of one file.
type fileID struct {
	device, inode uint64
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.id = fileID{uint64(sys.Dev), sys.Ino}
		s.ctime = sys.Ctim.Nano()
	}
	return s
}

// readFile reads a file; before is its last reading, if any. It returns nil when the file is gone, and before itself when it holds what it
// held.
func readFile(path string, before *file, namespace string) *file {
	readAt := time.Now().UnixNano()
	data, at, err := contents(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		reason := problem.UnreadableFile
		if errors.Is(err, errTooLarge) {
			reason = problem.TooLarge
		}
		return before.failing(path, at, reason, cause(err))
	case len(data) == 0 && before.holdsObjects():
		// Editors and shells empty a file before they write it.
		return before.failing(path, at, problem.Malformed, "the file is empty; delete it if that is meant")
	case isUTF16(data):
		return before.failing(path, at, problem.Malformed, "the file is UTF-16, of which no document but the first would be read: save it as UTF-8")
	}
	now := &file{path: path, stamp: at, readAt: readAt}
	old := before.byDigest()
	incomplete := false
	for _, p := range partsOf(path, data) {
		r := readPart{line: p.line, digest: sha256.Sum256(p.text)}
		if known, ok := old[r.digest]; ok {
			r.document = known
		} else {
			r.document = readPartOf(path, p, namespace)
		}
		incomplete = incomplete || r.incomplete
		now.parts = append(now.parts, r)
	}
	if !incomplete && now.sameText(before) {
		now.parts = before.parts
		return now
	}
	now.inherit(before, incomplete)
	return now
}

// sameText tells whether the file is, text for text, what a reading before found.
func (f *file) sameText(before *file) bool {
	return before != nil && before.failed == nil && len(before.kept) == 0 && slices.EqualFunc(f.parts, before.parts, func(a, b readPart) bool {
		return a.line == b.line && a.digest == b.digest
	})
}

// sameAs tells whether two readings of one file hold the very same objects.
func (f *file) sameAs(before *file) bool {
	return f != nil && before != nil && f.stamp.id == before.stamp.id && f.failed == nil && before.failed == nil && len(f.kept)+len(before.kept) == 0 &&
		len(f.parts) == len(before.parts) && (len(f.parts) == 0 || &f.parts[0] == &before.parts[0])
}

// settled tells whether a file that bears this stamp now is for certain the one that was read: two changes within a tick of the file
// system's clock leave the same stamp.
func (f *file) settled(now stamp) bool {
	const tick = 50 * int64(time.Millisecond)
	return f != nil && f.stamp == now && f.readAt-max(now.mtime, now.ctime) > tick
}

// incomplete tells whether the file may hold objects that could not be recognised.
func (f *file) incomplete() bool {
	return f.failed != nil || slices.ContainsFunc(f.parts, func(p readPart) bool { return p.incomplete })
}

// isUTF16 tells of a text with UTF-16's byte order mark, as PowerShell's ">" writes it. Between its documents split finds no "---".
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
}

func partsOf(path string, data []byte) []part {
	if isJSON(path) {
		return []part{{line: 1, text: data}}
	}
	return split(data)
}

func readPartOf(path string, p part, namespace string) document {
	if isJSON(path) {
		return readJSON(p.text, namespace)
	}
	return readYAML(p, namespace)
}

func isJSON(path string) bool { return filepath.Ext(path) == ".json" }

var errTooLarge = fmt.Errorf("the file is larger than %d MiB: split it; all files of a directory are read", maxFile>>20)

// contents reads a regular file that is not too large.
func contents(path string) ([]byte, stamp, error) {
	// Without O_NONBLOCK a pipe would hold us up for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		at := stamp{}
		if info, err := os.Stat(path); err == nil {
			at = stampOf(info)
		}
		return nil, at, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	at := stampOf(info)
	switch {
	case !info.Mode().IsRegular():
		return nil, at, errors.New("not a regular file")
	case info.Size() > maxFile:
		return nil, at, errTooLarge
	}
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, at, nil
		case err != nil:
			return nil, at, err
		case len(data) > maxFile:
			return nil, at, errTooLarge
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// failing is the file when it is there and can't be read: it keeps what it held.
func (f *file) failing(path string, at stamp, reason problem.Reason, message string) *file {
	out := &file{path: path, stamp: at}
	if f != nil {
		out.parts, out.kept = f.parts, f.kept
	}
	if out.holdsObjects() {
		message += "; what it held stays in use"
	}
	out.failed = &problem.Problem{Severity: problem.Error, File: path, Reason: reason, Message: message}
	return out
}

func (f *file) byDigest() map[[sha256.Size]byte]document {
	if f == nil {
		return nil
	}
	out := make(map[[sha256.Size]byte]document, len(f.parts))
	for _, p := range f.parts {
		out[p.digest] = p.document
	}
	return out
}

// inherit takes over from the reading before: the pointers of objects that are the same, the last good form of objects that can't be used
// now, and, when a document is incomplete, the objects that it may have held.
func (f *file) inherit(before *file, incomplete bool) {
	if before == nil {
		return
	}
	old := map[problem.Object]entry{}
	before.each(func(e entry, _ int) {
		if _, have := old[e.identity]; !have && e.object != nil {
			old[e.identity] = e
		}
	})
	for i := range f.parts {
		f.parts[i].entries = inheritEntries(f.parts[i].entries, old)
	}
	if !incomplete {
		return
	}
	have := map[problem.Object]bool{}
	f.each(func(e entry, _ int) { have[e.identity] = true })
	before.each(func(e entry, _ int) {
		if e.object != nil && !have[e.identity] {
			have[e.identity] = true
			f.kept = append(f.kept, entry{identity: e.identity, object: e.object, kept: true})
		}
	})
}

func inheritEntries(entries []entry, old map[problem.Object]entry) []entry {
	copied := false
	for i, e := range entries {
		last, had := old[e.identity]
		switch {
		case e.object == nil && had && usable(e):
			e.object, e.kept = last.object, true
		case e.object != nil && had && e.object != last.object && reflect.DeepEqual(e.object, last.object):
			e.object = last.object
		default:
			continue
		}
		if !copied { // the document may be that of a reading before
			entries, copied = append([]entry(nil), entries...), true
		}
		entries[i] = e
	}
	return entries
}

// usable tells whether an object that can't be read now would be one of ours if it could.
func usable(e entry) bool {
	for _, p := range e.problems {
		if p.Severity == problem.Error && p.Reason != problem.UnsupportedKind {
			return true
		}
	}
	return false
}

// each calls for each object with its line in the file, 0 for those that stand there no more.
func (f *file) each(visit func(e entry, line int)) {
	if f == nil {
		return
	}
	for _, p := range f.parts {
		for _, e := range p.entries {
			visit(e, p.line+max(e.line, 1)-1)
		}
	}
	for _, e := range f.kept {
		visit(e, 0)
	}
}

func (f *file) holdsObjects() bool {
	holds := false
	f.each(func(e entry, _ int) { holds = holds || e.object != nil })
	return holds
}

// problems are those of the file and its objects.
func (f *file) problems() []problem.Problem {
	var out []problem.Problem
	if f.failed != nil {
		out = append(out, *f.failed)
	}
	for _, p := range f.parts {
		for _, q := range p.problems {
			q.File, q.Line = f.path, p.line+max(q.Line, 1)-1
			if q.Severity == problem.Error && len(f.kept) > 0 {
				q.Message = strings.TrimSuffix(q.Message, "; this document is left out") + "; what the file held before stays in use"
			}
			out = append(out, q)
		}
		for _, e := range p.entries {
			out = append(out, e.told()...)
		}
	}
	return out
}

// cause is an error without the path, which the problem names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
