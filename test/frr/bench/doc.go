// Package bench measures the whole way on real FRR, from a written Service to the UPDATE at a peer that time-stamps it, beside the floor of
// the same run: a bare "network" line on bgpd's socket. "make bench" runs it.
package bench
