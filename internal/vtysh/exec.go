package vtysh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exec runs the vtysh binary, one process a call.
type Exec struct {
	command []string
	dir     string
}

// NewExec returns a client that runs command (the binary, and arguments or a wrapper before its own arguments) against the sockets in dir.
func NewExec(dir string, command ...string) *Exec { return &Exec{command: command, dir: dir} }

// Run implements Client.
func (e *Exec) Run(ctx context.Context, daemon Daemon, command string) (string, error) {
	out, err := e.vtysh(ctx, daemon, "-c", command)
	if err != nil {
		return "", err
	}
	if out.code != 0 {
		return "", fmt.Errorf("%s refuses %q: %s", daemonName(daemon), Redact(command), oneLine(Redact(out.stderr+out.stdout)))
	}
	return out.stdout, nil
}

// Configure implements Client. All blocks go in one file: vtysh goes on after a line that is refused, and tells its number.
func (e *Exec) Configure(ctx context.Context, daemon Daemon, blocks []Block) ([]Reply, error) {
	if daemon == All || daemon == Mgmtd {
		if err := e.unlocked(ctx); err != nil {
			return nil, err
		}
	}
	closed, err := e.closedContexts(ctx, blocks)
	if err != nil {
		return nil, err
	}
	var replies []Reply
	var items []item
	for i := range blocks {
		said, shut := closed[contextKey(blocks[i].Context)]
		for _, l := range blocks[i].Lines {
			switch {
			case shut:
				replies = append(replies, Reply{ConfigFailed, said})
			case !l.sendable():
				replies = append(replies, l.refused())
			default:
				items = append(items, item{&blocks[i], l, len(replies)})
				replies = append(replies, Reply{})
			}
		}
	}
	err = e.load(ctx, daemon, items, replies)
	if ctx.Err() != nil {
		// vtysh was ended within its transaction, which would keep bgpd from starting new neighbors. A file without lines ends it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
		defer cancel()
		_, _ = e.vtysh(ctx, daemon, "-f", os.DevNull)
	}
	if err != nil {
		return nil, err
	}
	return replies, nil
}

// item is a line to load, where it stands, and which reply is its.
type item struct {
	block *Block
	line  Line
	reply int
}

// load runs lines. vtysh makes one transaction of all neighbouring lines of FRR's northbound; when FRR refuses that, its halves are loaded, until
// what it refuses is alone.
func (e *Exec) load(ctx context.Context, daemon Daemon, items []item, replies []Reply) error {
	for len(items) > 0 {
		read, lost, err := e.loadFile(ctx, daemon, items[:together(items)], replies)
		if err != nil {
			return err
		}
		items = items[read:]
		half := len(lost) / 2
		if err := e.load(ctx, daemon, lost[:half], replies); err != nil {
			return err
		}
		if err := e.load(ctx, daemon, lost[half:], replies); err != nil {
			return err
		}
	}
	return nil
}

// together is how many lines can stand in one file. staticd of 8.4 commits routes when the next other line comes, and answers that one with what
// it says of them: a "vrf red" would not be entered, and its routes would land in another VRF. So a file ends where a block with routes ends.
func together(items []item) int {
	for n := 1; n < len(items); n++ {
		if items[n].block != items[n-1].block && items[n-1].line.isRoute() {
			return n
		}
	}
	return len(items)
}

// loadFile runs lines in one file. It returns how many of them vtysh has read, and those that a refused commit took with it, two or more.
func (e *Exec) loadFile(ctx context.Context, daemon Daemon, items []item, replies []Reply) (read int, lost []item, err error) {
	text, decides, at := fileOf(items)
	out, err := e.read(ctx, daemon, text)
	if err != nil {
		return 0, nil, err
	}
	said := out.stderr + out.stdout
	refused := complaints(said)
	for _, i := range items {
		replies[i.reply] = Reply{}
	}
	read = len(items)
	for _, c := range refused {
		if strings.Contains(c.text, "early exit from config file") {
			// Since 9.1, when a daemon has refused the block that the "exit" is of.
			read = min(read, sort.SearchInts(at, c.line))
		}
		for _, i := range decides[c.line] {
			replies[i] = Reply{ConfigFailed, "% " + c.text}
		}
	}
	why, listed := rejectedCommit(said)
	if read == 0 || why == "" && out.code != 0 && len(refused) == 0 {
		return 0, nil, fmt.Errorf("vtysh ended with %d: %s", out.code, oneLine(Redact(said)))
	}
	if why == "" {
		return read, nil, nil
	}
	for _, i := range items[:read] {
		// A list counts where one process alone has written; mgmtd gives none.
		if !replies[i.reply].Refused() && (daemon == All || daemon == Mgmtd || listed[i.line.Reveal()]) {
			lost = append(lost, i)
		}
	}
	if len(lost) > 1 {
		return read, lost, nil
	}
	for _, i := range lost {
		replies[i.reply] = Reply{ConfigFailed, "% Configuration failed: " + why}
	}
	return read, nil, nil
}

// fileOf writes lines as a file, and tells which replies each line of it decides, and on which line each item stands.
func fileOf(items []item) (text []byte, decides map[int][]int, at []int) {
	decides = map[int][]int{}
	number := 0
	put := func(l Line, replies ...int) {
		number++
		decides[number] = replies
		text = append(append(text, l...), '\n')
	}
	for n, i := range items {
		if n == 0 || items[n-1].block != i.block {
			var all []int
			for _, o := range items[n:] {
				if o.block == i.block {
					all = append(all, o.reply)
				}
			}
			for _, l := range i.block.Context {
				put(l, all...)
			}
		}
		put(i.line, i.reply)
		at = append(at, number)
		last := n+1 == len(items)
		if !last && (items[n+1].block == i.block || i.block.Bulk && items[n+1].block.Bulk) {
			continue // leaving a block at the top would commit
		}
		// Leave it, so that a next one which can't be entered does not run here. vtysh reads "end" over.
		for range i.block.Context {
			put("exit")
		}
		if len(i.block.Context) > 0 && !last {
			// 8.4 does not enter what a daemon refuses, and has left configuration by now; others say that there is no such command here.
			put("configure terminal")
		}
	}
	return text, decides, at
}

var (
	commitFailed = regexp.MustCompile(`(?m)^% Configuration failed\.\s+(?:Error type: .*\s+)?(?:Error description: )?(.*)$`)
	listedLine   = regexp.MustCompile(`(?m)^- (.*)$`)
)

// rejectedCommit tells why FRR refused a commit, empty when it did not, and the lines that it lists as lost with it.
func rejectedCommit(said string) (why string, lines map[string]bool) {
	m := commitFailed.FindStringSubmatch(said)
	if m == nil {
		return "", nil
	}
	lines = map[string]bool{}
	for _, l := range listedLine.FindAllStringSubmatch(said, -1) {
		lines[l[1]] = true
	}
	return cmp.Or(oneLine(m[1]), "no reason is given"), lines
}

// closedContexts finds the blocks that FRR's grammar has not: vtysh would go on and run their lines in the block around them, and an "exit" too
// many is the end of its file.
func (e *Exec) closedContexts(ctx context.Context, blocks []Block) (map[string]string, error) {
	var text strings.Builder
	line := 0
	at := map[int]string{}
	seen := map[string]bool{}
	for _, b := range blocks {
		key := contextKey(b.Context)
		if len(b.Context) == 0 || seen[key] {
			continue
		}
		seen[key] = true
		for _, l := range b.Context {
			line++
			at[line] = key
			text.WriteString(l.Reveal() + "\n")
		}
	}
	if line == 0 {
		return nil, nil
	}
	out, err := e.read(ctx, All, []byte(text.String()), "-C")
	if err != nil {
		return nil, err
	}
	closed := map[string]string{}
	for _, c := range complaints(out.stderr + out.stdout) {
		closed[at[c.line]] = "% " + c.text
	}
	return closed, nil
}

func contextKey(context []Line) string {
	var b strings.Builder
	for _, l := range context {
		b.WriteString(l.Reveal() + "\n")
	}
	return b.String()
}

// Daemons implements Client.
func (e *Exec) Daemons(ctx context.Context) ([]Daemon, error) {
	out, err := e.Run(ctx, All, "show daemons")
	if errors.Is(err, ErrNotRunning) {
		return nil, nil
	}
	var found []Daemon
	for _, name := range strings.Fields(out) {
		found = append(found, Daemon(name))
	}
	slices.Sort(found)
	return found, err
}

// Close implements Client; there is nothing to close.
func (e *Exec) Close() error { return nil }

// SyntaxError is what vtysh's parser says of a text. It checks the grammar, not whether names exist or values agree.
type SyntaxError struct {
	Line int // from 1; 0 when unknown
	Text string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

// lineBytes is how long a line may be: vtysh reads what is beyond as another line (8.4 to 10.3, VTY_BUFSIZ).
const lineBytes = 4095

// CheckSyntax has FRR's own parser read a text, without any daemon. The error is a *SyntaxError when it refuses a line.
func (e *Exec) CheckSyntax(ctx context.Context, text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		if n := len(strings.TrimSuffix(line, "\n")); n > lineBytes {
			return &SyntaxError{number, fmt.Sprintf("it is %d bytes long, and FRR takes %d", n, lineBytes)}
		}
	}
	out, err := e.read(ctx, All, []byte(text), "-C")
	if err != nil {
		return err
	}
	if c := complaints(out.stderr + out.stdout); len(c) > 0 {
		return &SyntaxError{c[0].line, c[0].text}
	}
	if out.code != 0 {
		return &SyntaxError{0, oneLine(Redact(out.stderr + out.stdout))}
	}
	return nil
}

type output struct {
	stdout, stderr string
	code           int
}

// vtysh runs the binary once. The error tells that it could not be run, or that it reached nobody.
func (e *Exec) vtysh(ctx context.Context, daemon Daemon, args ...string) (output, error) {
	return e.run(ctx, daemon, nil, args...)
}

// run runs vtysh; it finds files as its descriptors from 3 on.
func (e *Exec) run(ctx context.Context, daemon Daemon, files []*os.File, args ...string) (output, error) {
	full := append([]string{}, e.command[1:]...)
	if e.dir != "" {
		full = append(full, "--vty_socket", e.dir)
	}
	if daemon != All {
		full = append(full, "-d", string(daemon))
	}
	cmd := exec.CommandContext(ctx, e.command[0], append(full, args...)...)
	cmd.Env, cmd.ExtraFiles = environment(), files
	// It has children of its own. It ends with us: it may wait for a lock, and must not go on when others have configured FRR meanwhile. (The
	// kernel takes the end of the thread that started it for ours.)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := output{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return out, fmt.Errorf("run %s: not found; install FRR's vtysh or say where it is with --vtysh-path", e.command[0])
	case ctx.Err() != nil:
		return out, silent(ctx, cmp.Or(string(daemon), "vtysh, which asks every daemon,"))
	case err != nil && !errors.As(err, &exit):
		return out, fmt.Errorf("run vtysh: %w", err)
	case strings.Contains(out.stderr, "could not lookup user ID"):
		return out, fmt.Errorf("%w for vtysh to run as user %d: it wants one that has a name in /etc/passwd", ErrPermission, os.Geteuid())
	case strings.Contains(out.stderr+out.stdout, "failed to connect to any daemons"):
		return out, e.unreachable(ctx, daemon)
	}
	return out, nil
}

// unreachable tells why vtysh reaches nobody; it says the same of a daemon that does not run and of one that we may not ask.
func (e *Exec) unreachable(ctx context.Context, daemon Daemon) error {
	name := cmp.Or(daemon, BGPD)
	if e.dir != "" {
		if c, err := dial(ctx, filepath.Join(e.dir, string(name)+".vty")); err == nil {
			_ = c.Close()
		} else if errors.Is(err, ErrPermission) {
			return err
		}
	}
	return fmt.Errorf("%w: vtysh reaches no %s in %s", ErrNotRunning, daemonName(daemon), cmp.Or(e.dir, "its directory"))
}

// lockTime is how long another session may hold the lock of mgmtd's datastores.
const lockTime = 5 * time.Second

// unlocked waits for the lock of mgmtd's datastores. "vtysh -f" takes it since 9.1, and would wait for ever without a word that arrives here.
func (e *Exec) unlocked(ctx context.Context) error {
	for end := time.Now().Add(lockTime); ; {
		s := NewSocket(e.dir)
		// It is given back by "end": a connection that just closes gives it back later, and with it what others have begun meanwhile.
		replies, err := s.once(ctx, Mgmtd, func(c *conn) ([]Reply, error) { return c.ask([]Line{"configure terminal file-lock", "end"}, false) })
		_ = s.Close()
		if err != nil || !strings.Contains(replies[0].Text, "locked by another session") {
			return nil // what is wrong otherwise vtysh will tell
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w: for %s mgmtd has said %q", ErrLocked, lockTime, oneLine(replies[0].Text))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// environment is ours without a pager: vtysh starts one through a shell as soon as it is named, which a minimal container may not have.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VTYSH_PAGER=") })
	return append(env, "VTYSH_HISTFILE=/dev/null")
}

func daemonName(d Daemon) string {
	if d == All {
		return "daemon"
	}
	return string(d)
}

type complaint struct {
	line int
	text string
}

var complaintLine = regexp.MustCompile(`(?m)^line (\d+): (.*)$`)

// commandStatus is the number of the place in vtysh's own table, which tells nobody anything.
var commandStatus = regexp.MustCompile(`^(Unknown command|Ambiguous command|Command incomplete)\[\d+\]`)

// complaints reads what vtysh says of lines of a file: "line 3: % Unknown command[4]: foo".
func complaints(text string) []complaint {
	var out []complaint
	for _, m := range complaintLine.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		text := commandStatus.ReplaceAllString(strings.TrimPrefix(m[2], "% "), "$1")
		out = append(out, complaint{n, oneLine(Redact(text))})
	}
	return out
}

// read has vtysh read a text, which may hold passwords: from memory, so that nothing is left of it however we end.
func (e *Exec) read(ctx context.Context, daemon Daemon, text []byte, args ...string) (output, error) {
	fd, err := unix.MemfdCreate("frr-renderer", unix.MFD_CLOEXEC)
	if err != nil {
		return output{}, fmt.Errorf("keep a text for vtysh: %w", err)
	}
	f := os.NewFile(uintptr(fd), "frr-renderer")
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return output{}, fmt.Errorf("keep a text for vtysh: %w", err)
	}
	return e.run(ctx, daemon, []*os.File{f}, append(args, "-f", "/proc/self/fd/3")...)
}

func oneLine(s string) string { return Brief(strings.Join(strings.Fields(s), " ")) }
