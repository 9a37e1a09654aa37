// Package gateway decides, for a whole cluster at once, who does what in GDC mode: which node holds which floating IP, which sessions start
// from it, which nodes take traffic for Services, and which address is announced with which of them as next hops.
//
// In come the objects, and what is: who holds what, whose lease is live, which sessions there were. Out goes an Assignment, with problems and
// conditions of the objects. Equal input gives equal output, in whatever order the objects come; what works stays where it is, and nothing
// moves for a change that does not concern it. Assign is the one entry point; each file holds the rules of one decision. It knows nothing
// of files, sockets, clocks, API servers or FRR.
package gateway
