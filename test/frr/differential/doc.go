// Package differential checks the reload engine against FRR itself, with pairs of configurations (A, B). One FRR loads A and is reloaded to B by the
// engine; another, empty one loads B. Afterwards both must run the same: configuration, BGP sessions and negotiated timers, what each live
// peer was sent with every attribute, BFD peers; a second plan must be empty, and the sessions that dropped must be those that the plan
// named.
//
// Pairs come from generators: Grammar, common FRR configuration in anybody's spelling, and Product, what this program renders. A pair is
// determined by generator, seed, index and FRR version. How to run: see TestPairs.
package differential
