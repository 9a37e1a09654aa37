// Package faults breaks things while the product works: daemons, connections, locks, the disk, the product itself.
//
// The product runs as its users run it, on FRR of each version, with live peers that write down every UPDATE. Between it and FRR's sockets
// stands a gate that counts lines, and at a chosen line does what a test wants: one file for each family of faults. What must hold in each
// is in lab_test.go: FRR comes to the wanted configuration, no neighbor is without its policy at any moment, and no peer ever hears a
// route that neither the configuration before nor the wanted one sends.
//
// A run takes a sample of the points at which to break; -points 0 takes all, -seed another sample.
package faults
