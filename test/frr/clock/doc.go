// Package clock moves the wall clock of a running process, ours or a daemon of FRR, without moving this machine's: for tests of clocks that jump.
//
// Programs read clocks through the vDSO, a page of code that the kernel gives to each process. A Clock puts functions of its own into
// the empty end of that page of one process, and a jump to them at the beginning of the kernel's. These ask the kernel, and add what the
// clock is off. Monotonic clocks go on as they were, as when somebody sets a machine's clock.
//
// The process needs no preparation, so what is tested is the program that users run. It works on amd64.
package clock
