package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// stage lets the tests' lab be used by a program: what would end a test ends the program, after all has been taken down.
type stage struct {
	testing.TB // what is not below is not used by the lab

	ctx context.Context
	dir string

	mu       sync.Mutex
	said     []string
	cleanups []func()
	dirs     int
}

// play runs f, takes down what it has built, and tells what went wrong.
func play(ctx context.Context, dir string, f func(*stage)) error {
	s := &stage{ctx: ctx, dir: dir}
	done := make(chan struct{})
	go func() { // which FailNow ends
		defer close(done)
		defer s.takeDown()
		f(s)
	}()
	<-done
	if s.Failed() {
		return fmt.Errorf("%s", s.said[0])
	}
	return nil
}

func (s *stage) takeDown() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// Errorf notes what went wrong.
func (s *stage) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// FailNow ends the play.
func (s *stage) FailNow() { runtime.Goexit() }

// Fatal says why, and ends the play.
func (s *stage) Fatal(args ...any) { s.Errorf("%s", fmt.Sprint(args...)); s.FailNow() }

// Fatalf says why, and ends the play.
func (s *stage) Fatalf(format string, args ...any) { s.Errorf(format, args...); s.FailNow() }

// Skip is what a machine that can't do it is told.
func (s *stage) Skip(args ...any) { s.Fatal(args...) }

// Failed tells whether anything went wrong.
func (s *stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.said) > 0
}

// Cleanup has f run at the end, the last one first.
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// TempDir is a folder that goes with the demo's.
func (s *stage) TempDir() string {
	s.dirs++
	dir := filepath.Join(s.dir, fmt.Sprint(s.dirs))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	return dir
}

// Context ends when somebody ends the demo.
func (s *stage) Context() context.Context { return s.ctx }

// Name is that of the play.
func (s *stage) Name() string { return "demo-gdc" }

// Helper, Log and Logf say nothing.
func (s *stage) Helper()             {}
func (s *stage) Log(...any)          {}
func (s *stage) Logf(string, ...any) {}
