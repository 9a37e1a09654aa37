package vtyshtest

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// FRR is a fake FRR. Its methods may be called from any goroutine.
type FRR struct {
	t       testing.TB
	dir     string
	version string

	mu      sync.Mutex
	daemons map[vtysh.Daemon]*daemon
	faults  func(vtysh.Daemon, string) Fault
	answers map[string]string
	lines   map[vtysh.Daemon][]string
}

// Fault is what goes wrong with a line; the zero Fault is nothing.
type Fault struct {
	// Refuse is the text that refuses the line.
	Refuse string
	// Hang holds the line, and what comes after it on that connection, until the channel is closed.
	Hang <-chan struct{}
	// Cut ends the connection after the line was run, and before it is answered.
	Cut bool
	// Crash ends the daemon instead.
	Crash bool
}

// New starts daemons of a version, such as "10.3", without configuration. They end with the test.
func New(t testing.TB, version string, daemons ...vtysh.Daemon) *FRR {
	t.Helper()
	dir, err := os.MkdirTemp("", "vty-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	f := &FRR{t: t, dir: dir, version: version, daemons: map[vtysh.Daemon]*daemon{}, answers: map[string]string{}, lines: map[vtysh.Daemon][]string{}}
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for d := range f.daemons {
			f.kill(d)
		}
		_ = os.RemoveAll(dir)
	})
	for _, d := range daemons {
		f.Start(d)
	}
	return f
}

// Dir is where the sockets are.
func (f *FRR) Dir() string { return f.dir }

// Client is a new client of the sockets, closed with the test.
func (f *FRR) Client() *vtysh.Socket {
	c := vtysh.NewSocket(f.dir)
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Inject decides from now on what goes wrong with each line that a client sends; nil for nothing.
func (f *FRR) Inject(faults func(d vtysh.Daemon, line string) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// CutAfter ends the connection to a daemon once, after n more lines; the last is run and not answered.
func (f *FRR) CutAfter(d vtysh.Daemon, n int) {
	f.Inject(func(to vtysh.Daemon, _ string) Fault {
		if to == d {
			n--
		}
		return Fault{Cut: to == d && n == 0}
	})
}

// Answer has every daemon print a text when it is asked a command outside configuration.
func (f *FRR) Answer(command, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[command] = text
}

// Running is what a daemon prints as its configuration; empty when it does not run.
func (f *FRR) Running(d vtysh.Daemon) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found := f.daemons[d]; found != nil {
		return found.config.print()
	}
	return ""
}

// Lines are those that a daemon was sent inside configuration since the test began, also by connections that have ended.
func (f *FRR) Lines(d vtysh.Daemon) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lines[d])
}

// Type runs lines in the configuration of a daemon, as a person does, without any fault; the test fails when one is refused.
func (f *FRR) Type(d vtysh.Daemon, lines ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := session{daemon: f.daemons[d], configuring: true}
	for _, l := range lines {
		if text, status := s.run(l); status != vtysh.OK {
			f.t.Fatalf("%s refuses %q: %s", d, l, text)
		}
	}
}

// Start starts a daemon, without configuration, in place of what is left of an earlier one.
func (f *FRR) Start(d vtysh.Daemon) {
	f.t.Helper()
	path := filepath.Join(f.dir, string(d)+".vty")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		f.t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as after a crash
	started := &daemon{name: d, version: f.version, listener: l, conns: map[net.Conn]bool{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.daemons[d] = started
	go f.accept(started)
}

// Kill ends a daemon as a crash does: its socket stays, and nobody answers there.
func (f *FRR) Kill(d vtysh.Daemon) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kill(d)
}

func (f *FRR) kill(d vtysh.Daemon) {
	found := f.daemons[d]
	if found == nil {
		return
	}
	delete(f.daemons, d)
	_ = found.listener.Close()
	for c := range found.conns {
		_ = c.Close()
	}
}

func (f *FRR) accept(d *daemon) {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		alive := f.daemons[d.name] == d
		if alive {
			d.conns[c] = true
		}
		f.mu.Unlock()
		if !alive {
			_ = c.Close()
			return
		}
		go f.serve(d, c)
	}
}

// serve answers one connection: lines that end with a NUL; text, three NULs and a status go back.
func (f *FRR) serve(d *daemon, c net.Conn) {
	s := &session{daemon: d}
	defer func() {
		_ = c.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(d.conns, c)
		s.commit() // FRR does so with what a client that went away has left
	}()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString(0)
		if err != nil {
			return
		}
		reply, more := f.answer(s, strings.TrimSuffix(line, "\x00"))
		if !more {
			return
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// answer runs a line of a client, with its faults; false ends the connection.
func (f *FRR) answer(s *session, line string) (reply []byte, more bool) {
	fault := f.fault(s.daemon.name, line)
	if fault.Hang != nil {
		<-fault.Hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.daemons[s.daemon.name] != s.daemon {
		return nil, false
	}
	if s.configuring {
		f.lines[s.daemon.name] = append(f.lines[s.daemon.name], line)
	}
	if fault.Crash {
		f.kill(s.daemon.name)
		return nil, false
	}
	text, status := fault.Refuse, vtysh.ConfigFailed
	if said, known := f.answers[line]; fault.Refuse == "" && known {
		text, status = said, vtysh.OK
	} else if fault.Refuse == "" {
		text, status = s.run(line)
	}
	return append([]byte(text), 0, 0, 0, byte(status)), !fault.Cut
}

func (f *FRR) fault(d vtysh.Daemon, line string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		return Fault{}
	}
	return f.faults(d, line)
}
