package vtysh

import (
	"context"
	"errors"
)

// Auto uses the sockets, and the vtysh binary for what no single socket takes.
type Auto struct {
	*Socket
	exec *Exec
}

// NewAuto returns a client of both.
func NewAuto(socket *Socket, exec *Exec) *Auto { return &Auto{socket, exec} }

// Run implements Client.
func (a *Auto) Run(ctx context.Context, daemon Daemon, command string) (string, error) {
	if daemon == All {
		return a.exec.Run(ctx, daemon, command)
	}
	return a.Socket.Run(ctx, daemon, command)
}

// mgmtdLines is how many lines mgmtd gets on its socket, which takes them one by one and commits each; vtysh has it commit a file at once.
const mgmtdLines = 50

// Configure implements Client.
func (a *Auto) Configure(ctx context.Context, daemon Daemon, blocks []Block) ([]Reply, error) {
	lines := 0
	for _, b := range blocks {
		lines += len(b.Lines)
	}
	if daemon == All && !forEach(blocks) || daemon == Mgmtd && lines > mgmtdLines {
		return a.exec.Configure(ctx, daemon, blocks)
	}
	return a.Socket.Configure(ctx, daemon, blocks)
}

// Close implements Client.
func (a *Auto) Close() error { return errors.Join(a.Socket.Close(), a.exec.Close()) }
