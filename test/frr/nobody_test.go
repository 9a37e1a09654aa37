package frr

import (
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func listenUnix(path string) (net.Listener, error) { return net.Listen("unix", path) }

// asNobody runs f on a thread of user nobody, with these supplementary groups; the thread ends with it.
func asNobody(groups []int, f func() (string, error)) (string, error) {
	type result struct {
		said string
		err  error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the runtime ends a thread whose goroutine ends while it is locked.
		runtime.LockOSThread()
		const nobody = 65534
		list := make([]uint32, len(groups)+1)
		for i, g := range groups {
			list[i] = uint32(g)
		}
		// The calls of package unix change all threads.
		_, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0)
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if err == 0 {
				_, _, err = unix.RawSyscall(call, nobody, nobody, nobody)
			}
		}
		if err != 0 {
			done <- result{err: err}
			return
		}
		said, failed := f()
		done <- result{said, failed}
	}()
	r := <-done
	return r.said, r.err
}
