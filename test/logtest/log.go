// Package logtest is a log for tests: in comes what the product says, from wherever in it, and out what it has said so far. It knows nothing of either.
package logtest

import (
	"bytes"
	"strings"
	"sync"
)

// Log may be read while it is written. Its zero value is an empty one.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count tells how often words were written.
func (l *Log) Count(words string) int { return strings.Count(l.String(), words) }
