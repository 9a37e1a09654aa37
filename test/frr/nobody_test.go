package frr

import (
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

func listenUnix(path string) (net.Listener, error) { return net.Listen("unix", path) }

// asNobody runs f on a thread that has no rights; the thread ends with it.
func asNobody(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the runtime ends a thread whose goroutine ends while it is locked.
		runtime.LockOSThread()
		const nobody = 65534
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if _, _, errno := unix.RawSyscall(call, nobody, nobody, nobody); errno != 0 {
				done <- errno
				return
			}
		}
		done <- f()
	}()
	return <-done
}
