package vtysh

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Daemon names a daemon of FRR, as its socket does.
type Daemon string

const (
	Zebra Daemon = "zebra"
	BGPD  Daemon = "bgpd"
	BFDD  Daemon = "bfdd"
	// Staticd has static routes; Mgmtd, since 10.0, the configuration of zebra and staticd, and their copies of filters.
	Staticd Daemon = "staticd"
	Mgmtd   Daemon = "mgmtd"
	// All is every daemon that takes a line, by vtysh's own table: for lines that not each daemon has, only Exec can reach it.
	All Daemon = ""
)

// Client talks to the daemons of one FRR. A Client is for one goroutine at a time.
type Client interface {
	// Run runs one command outside configuration, such as "show version" or "clear bgp ... soft out", and returns what it prints.
	Run(ctx context.Context, daemon Daemon, command string) (string, error)
	// Configure enters each block and runs its lines, and returns one reply a line, block after block. A line that FRR refuses does not
	// stop the others, except that the lines of a block which can't be entered are not run. The error is of the connection: what was
	// applied is then unknown, and ErrInterrupted tells that asking the daemon again may work.
	Configure(ctx context.Context, daemon Daemon, blocks []Block) ([]Reply, error)
	// Daemons are those that answer. A daemon whose socket may not be opened is an error, since nothing is known of it.
	Daemons(ctx context.Context) ([]Daemon, error)
	// Close ends the connections.
	Close() error
}

// Block is lines that stand in one place of the configuration.
type Block struct {
	// Context are the lines that lead there from the top, such as "router bgp 65000" and "address-family ipv4 unicast".
	Context []Line
	Lines   []Line
	// Bulk is for lines of FRR's northbound, which are prefix-lists, access-lists and route-maps: neighbouring blocks that are Bulk are one
	// transaction. Neighbors that are created afterwards wait for as long as bgpd's route-map delay timer still runs, five seconds by default
	// and not at all when it is 0. Before 9.0 bgpd answers nobody while it commits new entries of lists: 1,000 take seconds, 5,000 minutes.
	Bulk bool
}

// Line is one line of configuration. It prints without the password that it may hold; Reveal gives all of it.
type Line string

// Reveal returns the line as FRR takes it.
func (l Line) Reveal() string { return string(l) }

// String returns the line with its password redacted.
func (l Line) String() string { return Redact(string(l)) }

// GoString implements fmt.GoStringer, for %#v.
func (l Line) GoString() string { return strconv.Quote(l.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON.
func (l Line) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

var passwordWord = regexp.MustCompile(`(?m)\b(password|key-string|message-digest-key \d+ md5|authentication-key)( +(?:[0-9] +)?)\S.*$`)

// Redact takes the passwords out of configuration lines and of what FRR says about them.
func Redact(text string) string { return passwordWord.ReplaceAllString(text, "${1}${2}<redacted>") }

const briefBytes = 300

// Brief is a text for a message: without what terminals obey, and of a long one its beginning.
func Brief(text string) string {
	left := len(text) - briefBytes
	if left > 0 {
		text = text[:briefBytes]
	}
	text = Printable(text)
	if left > 0 {
		text += fmt.Sprintf("... (%d bytes more)", left)
	}
	return text
}

// Printable is a text on one line, without what terminals obey, and without bytes that are no UTF-8.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

// Status is the byte that ends a reply (FRR's lib/command.h).
type Status byte

const (
	OK      Status = 0
	Warning Status = 1
	// Unknown, Ambiguous and Incomplete are lines that FRR's grammar has not.
	Unknown      Status = 2
	Ambiguous    Status = 3
	Incomplete   Status = 4
	ConfigFailed Status = 13
)

// Reply is what FRR says to one line.
type Reply struct {
	Status Status
	// Text is what FRR prints, with passwords redacted; often a remark beside success.
	Text string
}

// Refused tells whether FRR did not take the line. Most warnings are remarks, but "%" begins an error in all of FRR.
func (r Reply) Refused() bool {
	return r.Status != OK && (r.Status != Warning || strings.HasPrefix(strings.TrimSpace(r.Text), "%"))
}

// ErrNotRunning tells that a daemon has no socket, or nobody answers there.
var ErrNotRunning = errors.New("FRR is not running")

// ErrInterrupted tells that the connection ended while lines were sent. The daemon may have been started anew: what it runs is to be asked
// before anything else is sent.
var ErrInterrupted = errors.New("interrupted")

// ErrLocked tells that another session keeps mgmtd's configuration locked.
var ErrLocked = errors.New("the configuration is locked")

// ErrPermission tells that the daemon's socket may not be opened.
var ErrPermission = errors.New("no permission")

// Version is an FRR version.
type Version struct {
	Major, Minor, Patch int
}

// AtLeast tells whether the version is major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String prints the version as FRR does.
func (v Version) String() string {
	if v.Patch == 0 {
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

var versionLine = regexp.MustCompile(`FRRouting (\d+)\.(\d+)(?:\.(\d+))?`)

// ReadVersion asks a daemon which version it is.
func ReadVersion(ctx context.Context, c Client, daemon Daemon) (Version, error) {
	text, err := c.Run(ctx, daemon, "show version")
	if err != nil {
		return Version{}, err
	}
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("read FRR's version: %s says none", daemon)
	}
	var v Version
	v.Major, _ = strconv.Atoi(m[1])
	v.Minor, _ = strconv.Atoi(m[2])
	v.Patch, _ = strconv.Atoi(m[3])
	return v, nil
}
