package hostnet

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listener is a TCP socket that waits for connections in the host's network namespace.
type Listener struct {
	// Address is 0.0.0.0 or :: for all; the latter usually means IPv4, too.
	Address netip.AddrPort
	// UID is the user who opened it.
	UID int
	// PID and Process ("bgpd") are of one process that has it, 0 and "" where that can't be known: a container sees only its own processes, and who
	// is no root without SYS_PTRACE only few of those.
	PID     int
	Process string

	inode string
}

func (l Listener) String() string {
	who := fmt.Sprintf("a process of user %d", l.UID)
	if l.PID != 0 {
		who = fmt.Sprintf("%s (process %d)", l.Process, l.PID)
	}
	return fmt.Sprintf("%s listens on %s", who, l.Address)
}

// Listeners lists who listens on a TCP port, by address; nobody is no error.
func (h *Host) Listeners(ctx context.Context, port uint16) ([]Listener, error) {
	var all []Listener
	err := h.inside(func() error {
		// What the kernel offers everywhere, also where the module for netlink's sock_diag is not loaded.
		for _, table := range []string{"tcp", "tcp6"} {
			found, err := readListeners(ctx, "/proc/thread-self/net/"+table, port)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // no IPv6
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	if err == nil {
		err = name(ctx, all)
	}
	if err != nil {
		return nil, fmt.Errorf("find who listens on TCP port %d: %w", port, err)
	}
	slices.SortFunc(all, func(a, b Listener) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.PID, b.PID), cmp.Compare(a.inode, b.inode))
	})
	return all, nil
}

func readListeners(ctx context.Context, path string, port uint16) ([]Listener, error) {
	table, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	return parseListeners(ctx, table, port)
}

// listening is TCP_LISTEN.
const listening = "0A"

// parseListeners reads the start of the table: listening sockets come first, and what may be 100,000 connections is not read.
func parseListeners(ctx context.Context, table io.Reader, port uint16) ([]Listener, error) {
	var all []Listener
	lines := bufio.NewScanner(table)
	lines.Scan() // names of the columns
	for lines.Scan() && ctx.Err() == nil {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			return nil, fmt.Errorf("%q is no line of a table of sockets", lines.Text())
		}
		if fields[3] != listening {
			break
		}
		address, err := parseSocketAddress(fields[1])
		if err != nil {
			return nil, err
		}
		uid, err := strconv.Atoi(fields[7])
		if err != nil {
			return nil, fmt.Errorf("user of a socket: %w", err)
		}
		if address.Port() == port {
			all = append(all, Listener{Address: address, UID: uid, inode: fields[9]})
		}
	}
	return all, errors.Join(lines.Err(), ctx.Err())
}

// parseSocketAddress reads "0100007F:00B3": words in the machine's byte order.
func parseSocketAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err := errors.Join(err, portErr); err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address of a socket", text)
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address of a socket", text)
	}
	return netip.AddrPortFrom(ip, uint16(number)), nil
}

// name looks for the processes that have the sockets. What it may not see it passes over.
func name(ctx context.Context, all []Listener) error {
	if len(all) == 0 {
		return nil
	}
	wanted := map[string][]int{}
	for i, l := range all {
		link := "socket:[" + l.inode + "]"
		wanted[link] = append(wanted[link], i)
	}
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		files := filepath.Join("/proc", p.Name(), "fd")
		entries, _ := os.ReadDir(files)
		for _, e := range entries {
			link, _ := os.Readlink(filepath.Join(files, e.Name()))
			for _, i := range wanted[link] {
				if all[i].PID == 0 {
					comm, _ := os.ReadFile(filepath.Join("/proc", p.Name(), "comm"))
					all[i].PID, all[i].Process = pid, strings.TrimSpace(string(comm))
				}
			}
		}
	}
	return nil
}
