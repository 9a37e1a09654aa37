package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// aloneInterval is how often a run that is not alone looks whether it is.
const aloneInterval = 500 * time.Millisecond

// alone returns when no other run keeps the same frr.conf: two that know different objects would undo each other's work for ever, line by line. The lock is
// of the directory, whose last good objects belong to one run anyway, and the kernel ends it with the process. Without a frr.conf there is none.
//
// The function returned ends it. The error is that of ctx.
func alone(ctx context.Context, frrConf string, log *slog.Logger) (end func(), err error) {
	if frrConf == reload.NoFile {
		return func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(frrConf))
	if err != nil {
		return func() {}, nil // writing frr.conf will tell
	}
	for told := false; ; told = true {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			log.Warn("other runs on this FRR can't be kept out", "directory", dir.Name(), "error", err)
			err = nil
		}
		if err == nil {
			return func() { _ = dir.Close() }, nil
		}
		if !told {
			log.Warn("another frr-renderer run is at work on this FRR; waiting for its end", "directory", dir.Name(), "pid", flocker(dir))
		}
		select {
		case <-ctx.Done():
			_ = dir.Close()
			return nil, context.Cause(ctx)
		case <-time.After(aloneInterval):
		}
	}
}
