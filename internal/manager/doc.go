// Package manager makes one cluster do what internal/gateway decides. Objects come in from an API server, all that an Assignment depends on; out go
// what people and agents read: status of NetworkGatewayGroups, BGPLoadBalancers and BGPPeers, BGPSessions, BGPAdvertisedRoutes. Of several
// managers one works, elected by a Lease; the others watch along.
//
// It decides nothing itself but which leases of nodes are live, since that takes a clock (lease.go). It must not know of FRR or of a node's network.
package manager
