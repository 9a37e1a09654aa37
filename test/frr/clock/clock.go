package clock

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// Clock is the wall clock of one process.
type Clock struct {
	memory *os.File
	// seconds is where the process has how many seconds its clock is off.
	seconds int64
}

// ours are the functions in place of the kernel's, by name. Each ends with the eight bytes of how far the clock is off, so that nothing in them
// depends on where they lie.
var ours = []struct {
	name string
	code []byte
}{
	{"__vdso_clock_gettime", []byte{
		0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
		0x75, 0x0a, // jnz over the next two
		0x48, 0x8b, 0x0d, 0x04, 0x00, 0x00, 0x00, // mov rcx, [rip+4]
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // ret
	}},
	{"__vdso_gettimeofday", []byte{
		0xb8, 0x60, 0x00, 0x00, 0x00, // mov eax, gettimeofday
		0x0f, 0x05, // syscall
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x0a, // jz over the next two
		0x48, 0x8b, 0x0d, 0x04, 0x00, 0x00, 0x00, // mov rcx, [rip+4]
		0x48, 0x01, 0x0f, // add [rdi], rcx
		0xc3, // ret
	}},
	{"__vdso_time", []byte{
		0x57,       // push rdi
		0x31, 0xff, // xor edi, edi
		0xb8, 0xc9, 0x00, 0x00, 0x00, // mov eax, time
		0x0f, 0x05, // syscall
		0x5f,                                     // pop rdi
		0x48, 0x03, 0x05, 0x09, 0x00, 0x00, 0x00, // add rax, [rip+9]
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x03, // jz over the next
		0x48, 0x89, 0x07, // mov [rdi], rax
		0xc3, // ret
	}},
}

// Of takes hold of the clock of a process, which may be any that this one may trace.
func Of(t testing.TB, pid int) *Clock {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		skip.Test(t, "", "clocks of other processes are moved on amd64 only")
	}
	c, err := open(pid)
	if err != nil {
		t.Fatalf("take hold of the clock of process %d: %v", pid, err)
	}
	t.Cleanup(func() { _ = c.memory.Close() })
	return c
}

// Set puts the process's clock off by some time, in whole seconds, before or behind this machine's.
func (c *Clock) Set(t testing.TB, off time.Duration) {
	t.Helper()
	bytes := binary.LittleEndian.AppendUint64(nil, uint64(int64(off/time.Second)))
	for i := range ours {
		if _, err := c.memory.WriteAt(bytes, c.seconds+int64(i*8)); err != nil {
			t.Fatalf("set the clock: %v", err)
		}
	}
}

func open(pid int) (*Clock, error) {
	start, end, err := vdso(pid)
	if err != nil {
		return nil, err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	c := &Clock{memory: memory}
	if err := c.install(pid, start, end); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	return c, nil
}

// vdso is where the kernel's functions lie in a process.
func vdso(pid int) (start, end int64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "[vdso]") {
			_, err := fmt.Sscanf(lines.Text(), "%x-%x", &start, &end)
			return start, end, err
		}
	}
	return 0, 0, errors.Join(errors.New("it has no vDSO"), lines.Err())
}

func (c *Clock) install(pid int, start, end int64) error {
	image := make([]byte, end-start)
	if _, err := c.memory.ReadAt(image, start); err != nil {
		return err
	}
	entries, err := entriesOf(image)
	if err != nil {
		return err
	}
	// The seconds lie behind the functions, one number for each.
	size := 0
	for _, f := range ours {
		size += len(f.code)
	}
	room := (size + 15 + 8*len(ours)) &^ 7
	at := int64(len(image) - room)
	if len(bytes.Trim(image[at:], "\x00")) > 0 {
		return errors.New("its vDSO has no room, or its clock is moved already")
	}
	c.seconds = start + int64(len(image)-8*len(ours))
	jumps := map[int64][]byte{}
	for i, f := range ours {
		code := bytes.Clone(f.code)
		patch(code, c.seconds+int64(8*i)-start-at)
		if _, err := c.memory.WriteAt(code, start+at); err != nil {
			return err
		}
		jumps[start+entries[f.name]] = binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(at-entries[f.name]-5)) // jmp
		at += int64(len(code))
	}
	return stopped(pid, jumps, func() error {
		for where, jump := range jumps {
			if _, err := c.memory.WriteAt(jump, where); err != nil {
				return err
			}
		}
		return nil
	})
}

// patch has the one instruction of a function that reads the seconds find them at a distance from its beginning.
func patch(code []byte, seconds int64) {
	for _, op := range [][]byte{{0x48, 0x8b, 0x0d}, {0x48, 0x03, 0x05}} {
		if i := bytes.Index(code, op); i >= 0 {
			binary.LittleEndian.PutUint32(code[i+3:], uint32(seconds-int64(i+7)))
		}
	}
}

// entriesOf are where functions begin, counted from the beginning of the vDSO.
func entriesOf(image []byte) (map[string]int64, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, s := range symbols {
		out[s.Name] = int64(s.Value)
	}
	for _, f := range ours {
		if out[f.name] == 0 {
			return nil, fmt.Errorf("its vDSO has no %s", f.name)
		}
	}
	return out, nil
}

// stopped does something while the process stands still and no thread of it is at a place that is written.
func stopped(pid int, places map[int64][]byte, do func() error) error {
	for range 100 {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return err
		}
		clear, err := clearOf(pid, places)
		if err == nil && clear {
			err = do()
		}
		if err := errors.Join(err, unix.Kill(pid, unix.SIGCONT)); err != nil || clear {
			return err
		}
	}
	return errors.New("a thread always was at the place")
}

// clearOf waits until every thread has stopped, and tells whether none stands in the first bytes of a place.
func clearOf(pid int, places map[int64][]byte) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return false, err
	}
	for _, thread := range threads {
		var at int64
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			var stands bool
			if at, stands = standsAt(thread); stands {
				break
			}
			if time.Now().After(end) {
				return false, fmt.Errorf("%s does not stop", thread)
			}
		}
		for place, jump := range places {
			if at > place && at < place+int64(len(jump)) {
				return false, nil
			}
		}
	}
	return true, nil
}

// standsAt is the address of the next instruction of a thread that is stopped.
func standsAt(thread string) (int64, bool) {
	stat, err := os.ReadFile(filepath.Join(thread, "stat"))
	if err != nil {
		return 0, true // it has ended
	}
	if _, rest, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(rest, "T") {
		return 0, false
	}
	call, err := os.ReadFile(filepath.Join(thread, "syscall"))
	words := strings.Fields(string(call))
	if err != nil || len(words) < 3 {
		return 0, false
	}
	at, err := strconv.ParseInt(strings.TrimPrefix(words[len(words)-1], "0x"), 16, 64)
	return at, err == nil
}
