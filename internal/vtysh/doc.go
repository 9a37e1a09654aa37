// Package vtysh is the only way to FRR: vtysh's own protocol on the daemons' .vty sockets (Socket), and the vtysh binary (Exec).
//
// In go commands, out come replies. It knows the protocol and its limits, and nothing of what a line means.
package vtysh
