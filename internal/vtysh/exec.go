package vtysh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	closed, err := e.closedContexts(ctx, blocks)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	var replies []Reply
	numbers := map[int][]int{} // line of the file -> replies that it decides
	line := 0
	put := func(l Line, decides ...int) {
		line++
		numbers[line] = decides
		text.WriteString(l.Reveal() + "\n")
	}
	for n, b := range blocks {
		first := len(replies)
		replies = append(replies, make([]Reply, len(b.Lines))...)
		all := make([]int, len(b.Lines))
		for i := range all {
			all[i] = first + i
		}
		if said, ok := closed[contextKey(b.Context)]; ok {
			for _, i := range all {
				replies[i] = Reply{ConfigFailed, said}
			}
			continue
		}
		for _, l := range b.Context {
			put(l, all...)
		}
		for i, l := range b.Lines {
			if !l.sendable() {
				replies[first+i] = Reply{ConfigFailed, fmt.Sprintf("%% the line has %d bytes or holds a NUL; FRR takes %d bytes", len(l), maxLine)}
				continue
			}
			put(l, first+i)
		}
		if b.Bulk && n+1 < len(blocks) && blocks[n+1].Bulk {
			continue // leaving configuration would commit
		}
		// Leave the block, so that a next one which can't be entered does not run here.
		put("end")
		put("configure terminal")
	}
	file, err := privateFile(text.Bytes())
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	out, err := e.vtysh(ctx, daemon, "-f", file)
	if err != nil {
		return nil, err
	}
	refused := complaints(out.stderr + out.stdout)
	for _, c := range refused {
		for _, i := range numbers[c.line] {
			replies[i] = Reply{ConfigFailed, "% " + c.text}
		}
	}
	if out.code != 0 && len(refused) == 0 {
		return nil, fmt.Errorf("vtysh ended with %d: %s", out.code, oneLine(Redact(out.stderr+out.stdout)))
	}
	return replies, nil
}

// closedContexts finds the blocks within blocks that FRR's grammar has not: vtysh would go on and run their lines in the block around
// them. Only these matter; at the top, the lines of a block that can't be entered are no commands.
func (e *Exec) closedContexts(ctx context.Context, blocks []Block) (map[string]string, error) {
	var text strings.Builder
	line := 0
	at := map[int]string{}
	seen := map[string]bool{}
	for _, b := range blocks {
		key := contextKey(b.Context)
		if len(b.Context) < 2 || seen[key] {
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
	file, err := privateFile([]byte(text.String()))
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	out, err := e.vtysh(ctx, All, "-C", "-f", file)
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

// CheckSyntax has FRR's own parser read a text, without any daemon. The error is a *SyntaxError when it refuses a line.
func (e *Exec) CheckSyntax(ctx context.Context, text string) error {
	file, err := privateFile([]byte(text))
	if err != nil {
		return err
	}
	defer os.Remove(file)
	out, err := e.vtysh(ctx, All, "-C", "-f", file)
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
	full := append([]string{}, e.command[1:]...)
	if e.dir != "" {
		full = append(full, "--vty_socket", e.dir)
	}
	if daemon != All {
		full = append(full, "-d", string(daemon))
	}
	cmd := exec.CommandContext(ctx, e.command[0], append(full, args...)...)
	cmd.Env = environment()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := output{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return out, fmt.Errorf("run %s: not found; install FRR's vtysh or say where it is with --vtysh-path", e.command[0])
	case ctx.Err() != nil:
		return out, context.Cause(ctx)
	case err != nil && !errors.As(err, &exit):
		return out, fmt.Errorf("run vtysh: %w", err)
	case strings.Contains(out.stderr+out.stdout, "failed to connect to any daemons"):
		return out, fmt.Errorf("%w: vtysh reaches no %s in %s", ErrNotRunning, daemonName(daemon), e.dir)
	}
	return out, nil
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

// complaints reads what vtysh says of lines of a file: "line 3: % Unknown command[4]: foo".
func complaints(text string) []complaint {
	var out []complaint
	for _, m := range complaintLine.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		out = append(out, complaint{n, oneLine(Redact(strings.TrimPrefix(m[2], "% ")))})
	}
	return out
}

// privateFile keeps text, which may hold passwords, where only we can read it.
func privateFile(text []byte) (string, error) {
	dir := os.TempDir()
	f, err := os.CreateTemp(dir, "frr-renderer-*.conf")
	if err != nil {
		return "", fmt.Errorf("write for vtysh: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write for vtysh: %w", err)
	}
	return filepath.Clean(f.Name()), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
