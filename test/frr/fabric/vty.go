package fabric

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Vtysh runs vtysh with these arguments and returns what it printed.
func (n *Node) Vtysh(ctx context.Context, args ...string) (string, error) {
	return n.Exec(ctx, n.VtyshPath(), args...)
}

// RunningConfig returns what "show running-config" prints, without its header.
func (n *Node) RunningConfig(ctx context.Context) (string, error) {
	return n.Vtysh(ctx, "-c", "show running-config no-header")
}

// Boot loads the node's frr.conf as FRR's own start script does, and returns what FRR complained about.
func (n *Node) Boot(ctx context.Context) ([]string, error) {
	return n.load(ctx, "-b")
}

// FRRReload is FRR's own frr-reload.py, to bring the node to a file inside it.
func (n *Node) FRRReload(ctx context.Context, file string) *exec.Cmd {
	return n.Command(ctx, "/usr/bin/python3", filepath.Join(n.root, "usr/lib/frr/frr-reload.py"), "--reload", "--bindir", "/usr/bin",
		"--confdir", "/etc/frr", "--rundir", "/run/frr", file)
}

// Load loads a configuration text by vtysh -f, on top of what is running, and returns every line that FRR had to say about it. The
// error is for vtysh not working at all.
func (n *Node) Load(ctx context.Context, text string) ([]string, error) {
	file, err := os.CreateTemp(n.ConfDir(), "load-*.conf")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	args := []string{"-f", "/etc/frr/" + filepath.Base(file.Name())}
	if n.Version != V84 {
		// One process for all daemons: their complaints come in order.
		args = append([]string{"--no-fork"}, args...)
	}
	return n.load(ctx, args...)
}

// progress is what vtysh prints when all is well. That mgmtd is locked is part of it: for a moment after its start it deals with zebra and
// staticd, vtysh waits 100 ms, says so, and then loads everything.
var progress = regexp.MustCompile(`^(\[[0-9]+\|[a-z0-9]+\] (sending configuration|done)` +
	`|Waiting for children to finish applying config\.\.\.` +
	`|% Can't enter config; running datastore locked by another session)$`)

func (n *Node) load(ctx context.Context, args ...string) ([]string, error) {
	cmd := n.Command(ctx, n.VtyshPath(), args...)
	out, err := CombinedOutput(cmd)
	if err != nil && cmd.ProcessState == nil {
		return nil, fmt.Errorf("run vtysh: %w", err)
	}
	var complaints []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\r\n ")
		if line != "" && !progress.MatchString(line) {
			complaints = append(complaints, line)
		}
	}
	if ctx.Err() != nil {
		return complaints, fmt.Errorf("run vtysh: %w", ctx.Err())
	}
	if err != nil && len(complaints) == 0 {
		complaints = []string{fmt.Sprintf("vtysh says nothing, but ends with %s", err)}
	}
	return complaints, nil
}

// Ask sends one command (enabled, not in configuration mode) to one daemon's socket, in a millisecond. It is the fabric's own
// few lines of the protocol, so that tests don't believe what the product's client believes.
func (n *Node) Ask(ctx context.Context, daemon, command string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", filepath.Join(n.VtyDir(), daemon+".vty"))
	if err != nil {
		return "", fmt.Errorf("ask %s of node %s: %w", daemon, n.Name, err)
	}
	defer c.Close()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(DefaultTimeout)
	}
	c.SetDeadline(deadline)
	r := bufio.NewReader(c)
	for _, cmd := range []string{"enable", command} {
		if _, err := io.WriteString(c, cmd+"\x00"); err != nil {
			return "", fmt.Errorf("ask %s of node %s: %w", daemon, n.Name, err)
		}
		text, status, err := readReply(r)
		if err != nil {
			return "", fmt.Errorf("ask %s of node %s: %w", daemon, n.Name, err)
		}
		if status != 0 {
			return text, fmt.Errorf("ask %s of node %s: %q ends with status %d: %s", daemon, n.Name, cmd, status, text)
		}
		if cmd == command {
			return text, nil
		}
	}
	return "", nil
}

// readReply reads text, three NULs and the status.
func readReply(r *bufio.Reader) (string, byte, error) {
	text, err := r.ReadString(0)
	if err != nil {
		return "", 0, err
	}
	var rest [3]byte
	if _, err := io.ReadFull(r, rest[:]); err != nil {
		return "", 0, err
	}
	return text[:len(text)-1], rest[2], nil
}

// ShowJSON asks one daemon a "show ... json" question and decodes the answer.
func (n *Node) ShowJSON(ctx context.Context, daemon, command string, v any) error {
	text, err := n.Ask(ctx, daemon, command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%s of node %s: decode %q: %w\n%s", daemon, n.Name, command, err, text)
	}
	return nil
}
