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

// Configure implements Client.
func (a *Auto) Configure(ctx context.Context, daemon Daemon, blocks []Block) ([]Reply, error) {
	if daemon == All || daemon == Mgmtd {
		// mgmtd takes lines on its socket one by one, and commits each; vtysh makes it commit a file at once.
		return a.exec.Configure(ctx, daemon, blocks)
	}
	return a.Socket.Configure(ctx, daemon, blocks)
}

// Close implements Client.
func (a *Auto) Close() error { return errors.Join(a.Socket.Close(), a.exec.Close()) }
