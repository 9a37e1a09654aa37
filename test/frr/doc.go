// Package frr tests the product against real FRR.
//
// cases/ holds golden cases: a directory each, objects in (in.yaml), frr.conf and problems.txt out, for node "node1". Adding a directory
// adds every check: translate, render, accepted by FRR 8.4 and 10.3 without a word, and FRR running exactly that document afterwards.
// "make golden" writes the expected files anew.
//
// The scenario tests start routers in network namespaces (package fabric) and look at what real peers see.
package frr
