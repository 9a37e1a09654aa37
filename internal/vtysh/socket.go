package vtysh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// window is how many lines are sent before their replies are read: few enough that neither side's buffers fill up, many enough that the
// round trip does not count (80 us a line one by one, 15 us in a window). mgmtd loses lines that come before it has answered the one before.
func window(d Daemon) int {
	if d == Mgmtd {
		return 1
	}
	return 128
}

// maxLine is the longest line that is sent, in bytes. A daemon drops a line of about 4096 without a word, less what stands in its buffer.
const maxLine = 3500

// replyTime is how long a daemon may take for one line or one show command. bgpd answers while it computes routes, so minutes would mean
// that it hangs.
const replyTime = 60 * time.Second

// Socket speaks vtysh's protocol on the sockets in a directory: a line and a NUL; back come text, three NULs and a status byte. Connections
// stay open, and are opened again when a daemon was restarted.
type Socket struct {
	dir   string
	conns map[Daemon]*conn
}

// NewSocket returns a client for the sockets in dir, /run/frr in most installations. Nothing is opened yet.
func NewSocket(dir string) *Socket { return &Socket{dir: dir, conns: map[Daemon]*conn{}} }

type conn struct {
	net.Conn
	r      *bufio.Reader
	window int
	// locked is since when lines have met a lock; zero when the last one met none.
	locked time.Time
	// cancelled outlives the deadlines of single windows.
	cancelled atomic.Bool
	// transaction tells that one was begun and not ended.
	transaction bool
	// settled tells that no transaction of an earlier client is open.
	settled bool
}

// cancel ends what is being read or written, and whatever comes after it.
func (c *conn) cancel() {
	c.cancelled.Store(true)
	_ = c.SetDeadline(time.Unix(1, 0))
}

// Run implements Client.
func (s *Socket) Run(ctx context.Context, daemon Daemon, command string) (string, error) {
	replies, err := s.retry(ctx, daemon, func(c *conn) ([]Reply, error) { return c.ask([]Line{Line(command)}, true) })
	if err != nil {
		return "", err
	}
	if replies[0].Refused() {
		return "", fmt.Errorf("%s refuses %q: %s", daemon, Redact(command), oneLine(replies[0].Text))
	}
	return replies[0].Text, nil
}

// Configure implements Client. It is never tried again on a new connection: behind that may be a daemon that was started anew, for which
// the lines were not meant.
func (s *Socket) Configure(ctx context.Context, daemon Daemon, blocks []Block) ([]Reply, error) {
	if daemon == All {
		return s.configureAll(ctx, blocks)
	}
	unfinished := false
	replies, err := s.once(ctx, daemon, func(c *conn) ([]Reply, error) {
		replies, err := c.configure(daemon, blocks)
		unfinished = unfinished || c.transaction
		return replies, err
	})
	if unfinished {
		err = errors.Join(err, s.finish(ctx, daemon))
	}
	return replies, err
}

// Daemons implements Client: whoever accepts a connection.
func (s *Socket) Daemons(ctx context.Context) ([]Daemon, error) {
	entries, err := os.ReadDir(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, denied(filepath.Join(s.dir, "*.vty"))
	case err != nil:
		return nil, fmt.Errorf("look for FRR's sockets: %w", err)
	}
	var found []Daemon
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".vty")
		if !ok {
			continue
		}
		c, err := dial(ctx, filepath.Join(s.dir, e.Name()))
		if errors.Is(err, ErrNotRunning) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_ = c.Close()
		found = append(found, Daemon(name))
	}
	return found, nil
}

// Close implements Client.
func (s *Socket) Close() error {
	for d := range s.conns {
		s.drop(d)
	}
	return nil
}

// retry runs an exchange, a second time on a new connection when the old one turns out to be dead.
func (s *Socket) retry(ctx context.Context, daemon Daemon, exchange func(*conn) ([]Reply, error)) ([]Reply, error) {
	warm := s.conns[daemon] != nil
	replies, err := s.once(ctx, daemon, exchange)
	if warm && errors.Is(err, ErrInterrupted) {
		replies, err = s.once(ctx, daemon, exchange)
	}
	return replies, err
}

// once runs an exchange. The error is ErrInterrupted when the connection ends meanwhile.
func (s *Socket) once(ctx context.Context, daemon Daemon, exchange func(*conn) ([]Reply, error)) ([]Reply, error) {
	c, err := s.connect(ctx, daemon)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, c.cancel)
	replies, err := exchange(c)
	if !stop() && err == nil {
		s.drop(daemon) // cancelled too late to matter
	}
	if err == nil {
		return replies, nil
	}
	s.drop(daemon)
	switch {
	case ctx.Err() != nil:
		return nil, silent(ctx, string(daemon))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s does not answer: %s are over: %w", daemon, replyTime, err)
	case closed(err):
		return nil, fmt.Errorf("%w: %w", ErrInterrupted, ended(daemon, err))
	}
	return nil, fmt.Errorf("talk to %s: %w", daemon, err)
}

// silent tells whose answer did not come before a context ended.
func silent(ctx context.Context, name string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s does not answer: %w", name, context.Cause(ctx))
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// ended tells that a daemon went away while it was asked.
func ended(daemon Daemon, err error) error {
	return fmt.Errorf("%w: %s has ended (%w)", ErrNotRunning, daemon, err)
}

func (s *Socket) drop(daemon Daemon) {
	if c := s.conns[daemon]; c != nil {
		_ = c.Close()
		delete(s.conns, daemon)
	}
}

// connect returns the connection to a daemon.
func (s *Socket) connect(ctx context.Context, daemon Daemon) (*conn, error) {
	if c := s.conns[daemon]; c != nil {
		return c, nil
	}
	if daemon == All {
		return nil, errors.New("BUG: a socket belongs to one daemon")
	}
	raw, err := dial(ctx, filepath.Join(s.dir, string(daemon)+".vty"))
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, r: bufio.NewReaderSize(raw, 64<<10), window: window(daemon)}
	stop := context.AfterFunc(ctx, c.cancel)
	entered, err := c.enter([]Line{"enable"})
	if !stop() || err != nil || entered.Refused() {
		_ = raw.Close()
		if ctx.Err() != nil {
			return nil, silent(ctx, string(daemon))
		}
		if closed(err) {
			return nil, ended(daemon, err)
		}
		return nil, fmt.Errorf("connect to %s: %w", daemon, errors.Join(err, refusal(daemon, "enable", entered)))
	}
	s.conns[daemon] = c
	return c, nil
}

// dial opens a daemon's socket.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	daemon := strings.TrimSuffix(filepath.Base(path), ".vty")
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: no %s; start %s, or say where its socket is with --vty-dir", ErrNotRunning, path, daemon)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: nobody answers on %s; start %s", ErrNotRunning, path, daemon)
	case errors.Is(err, fs.ErrPermission):
		return nil, denied(path)
	case ctx.Err() != nil:
		return nil, silent(ctx, daemon)
	}
	return nil, fmt.Errorf("connect to %s: %w", daemon, err)
}

func refusal(daemon Daemon, line Line, r Reply) error {
	if !r.Refused() {
		return nil
	}
	return fmt.Errorf("%s refuses %q: %s", daemon, line, oneLine(r.Text))
}

// enter runs lines that lead somewhere, and returns the first refusal or the last reply.
func (c *conn) enter(lines []Line) (Reply, error) {
	replies, err := c.ask(lines, false)
	if err != nil {
		return Reply{}, err
	}
	var last Reply
	for _, r := range replies {
		if last = r; r.Refused() {
			break
		}
	}
	return last, nil
}

// ask sends lines, a window at a time, and reads a reply for each. A line that is too long for FRR is answered here.
func (c *conn) ask(lines []Line, keep bool) ([]Reply, error) {
	out := make([]Reply, 0, len(lines))
	var buf []byte
	for len(lines) > 0 {
		n := min(c.window, len(lines))
		buf = buf[:0]
		for _, l := range lines[:n] {
			if l.sendable() {
				buf = append(append(buf, l...), 0)
			}
		}
		if err := c.extend(); err != nil {
			return nil, err
		}
		if _, err := c.Write(buf); err != nil {
			return nil, err
		}
		for _, l := range lines[:n] {
			if !l.sendable() {
				out = append(out, l.refused())
				continue
			}
			r, err := c.reply(keep)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		if r := out[len(out)-1]; c.window == 1 && strings.Contains(r.Text, "could not lock ") {
			if err := c.wait(r); err != nil {
				return nil, err
			}
			out = out[:len(out)-1]
			continue
		}
		c.locked = time.Time{}
		lines = lines[n:]
	}
	return out, nil
}

// wait is for a lock of mgmtd's datastores: it has one itself for moments, when daemons connect to it, and others may keep one.
func (c *conn) wait(r Reply) error {
	if c.locked.IsZero() {
		c.locked = time.Now()
	}
	if time.Since(c.locked) > lockTime {
		return fmt.Errorf("%w: for %s it has said %q", ErrLocked, lockTime, oneLine(r.Text))
	}
	time.Sleep(20 * time.Millisecond)
	return nil
}

// extend gives the daemon time for what comes next.
func (c *conn) extend() error {
	if err := c.SetDeadline(time.Now().Add(replyTime)); err != nil {
		return err
	}
	if c.cancelled.Load() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (l Line) sendable() bool {
	if len(l) > maxLine {
		return false
	}
	for i := range len(l) {
		if l[i] == 0 || l[i] == '\n' || l[i] == '\r' {
			return false
		}
	}
	return true
}

// isRoute tells a static route.
func (l Line) isRoute() bool {
	line := strings.TrimPrefix(string(l), "no ")
	return strings.HasPrefix(line, "ip route ") || strings.HasPrefix(line, "ipv6 route ")
}

// refused is the reply to a line that is not sendable.
func (l Line) refused() Reply {
	return Reply{ConfigFailed, fmt.Sprintf("%% the line has %d bytes or holds a NUL; FRR takes %d bytes", len(l), maxLine)}
}

// reply reads text up to the first NUL, two more NULs, and the status. keep leaves the text as it is: output of a show command.
func (c *conn) reply(keep bool) (Reply, error) {
	if c.r.Buffered() == 0 {
		if err := c.extend(); err != nil {
			return Reply{}, err
		}
	}
	text, err := c.r.ReadString(0)
	if err != nil {
		return Reply{}, err
	}
	var end [3]byte
	if _, err := io.ReadFull(c.r, end[:]); err != nil {
		return Reply{}, err
	}
	r := Reply{Status: Status(end[2])}
	switch text = text[:len(text)-1]; {
	case len(text) == 0:
	case keep:
		r.Text = text
	default:
		r.Text = Redact(text)
	}
	return r, nil
}
