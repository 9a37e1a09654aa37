// Package cluster shows that the documents' examples work as they are written, through a real API server, managers and agents, on real FRR: which sessions
// come up and from where, which next hops the routers have, which nodes connections reach, and what "kubectl get" prints.
package cluster
