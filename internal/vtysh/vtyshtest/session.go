package vtyshtest

import (
	"fmt"
	"net"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// daemon is one daemon of the fake, from its start to its end.
type daemon struct {
	name     vtysh.Daemon
	version  string
	listener *net.UnixListener
	conns    map[net.Conn]bool
	config   block
}

// session is one connection: where it stands, and what waits to be committed.
type session struct {
	*daemon
	configuring bool
	at          []string // the blocks that it is in
	transaction bool
	pending     []change
}

// change is a line, and where it was given.
type change struct {
	at   []string
	line string
}

func (s *session) run(line string) (string, vtysh.Status) {
	switch {
	case line == "show version":
		return fmt.Sprintf("FRRouting %s (fake) on Linux.\n", s.version), vtysh.OK
	case line == "show running-config":
		return s.config.print(), vtysh.OK
	case line == "enable", line == "configure terminal" && !s.configuring, strings.HasPrefix(line, "clear bgp ") && !s.configuring:
		s.configuring = s.configuring || line == "configure terminal"
		return "", vtysh.OK
	case !s.configuring:
		return s.unknown(line)
	case line == "end":
		s.configuring, s.at = false, nil
		return s.commit(), vtysh.OK
	case line == "XFRR_start_configuration":
		s.transaction = true
		return "", vtysh.OK
	case line == "XFRR_end_configuration":
		s.transaction, s.at = false, nil
		return s.commit(), vtysh.OK
	case line == "exit", line == "exit-address-family":
		s.at = s.at[:max(0, len(s.at)-1)]
		return "", vtysh.OK
	}
	return s.configure(line)
}

// configure takes a line where it stands, or in a block around it.
func (s *session) configure(line string) (string, vtysh.Status) {
	for depth := len(s.at); depth >= 0; depth-- {
		c := change{s.at[:depth:depth], line}
		place := placeOf(c.at)
		if !place.takes(s.name, c.at, line) {
			continue
		}
		said := ""
		if !northbound(c) {
			said = s.commit()
			if refused := s.config.apply(c); refused != "" {
				return refused, vtysh.ConfigFailed
			}
		} else if s.pending = append(s.pending, c); !s.transaction {
			if said := s.commit(); said != "" {
				return said, vtysh.ConfigFailed
			}
		}
		if s.at = c.at; place.opens(line) {
			s.at = append(s.at, line)
		}
		return said, vtysh.OK
	}
	return s.unknown(line)
}

func (s *session) unknown(line string) (string, vtysh.Status) {
	return fmt.Sprintf("%% [%s] Unknown command: %s\n", strings.ToUpper(strings.TrimSuffix(string(s.name), "d")), line), vtysh.Unknown
}

// commit takes all that waits, or nothing of it, and says why.
func (s *session) commit() string {
	changes := s.pending
	s.pending = nil
	why, list := "", ""
	for _, c := range changes {
		if said := invalid(c.line); why == "" {
			why = said
		}
		list += "- " + c.line + "\n"
	}
	if why != "" {
		return "% Configuration failed.\n\nError type: validation\nError description: " + why +
			"\nThe following commands were dynamically grouped into the same transaction and rejected:\n" + list
	}
	for _, c := range changes {
		s.config.apply(c)
	}
	return ""
}
