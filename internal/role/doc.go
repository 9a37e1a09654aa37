// Package role is one node's part in GDC mode: it holds the floating IPs that the node is to hold, and says which roles FRR is to play for them. In come the
// objects, what bgpd says of its sessions, and what became of the lease; out go a Part for each turn of the agent, and a Report for the API server.
//
// What the cluster does is gateway's to decide, and what happens on the LAN floating's. This package knows that both concern one node: the view of a
// floating IP is there while the node holds the address, and only then.
//
//   - An address that comes is put on first, then its view is rendered (Part). One that leaves loses its view first, so that routers and nodes are told that the
//     sessions end (host.Take waits for the agent, a second at most, and not for a bgpd that is away); then it is taken off; then the node waits for the
//     next holder, until it has the address itself.
//   - Nothing is applied before it is known what is on the host and, where bgpd answers, what its sessions have negotiated: an agent that starts anew finds what
//     it left, and asks for the same.
//   - Several paths for a prefix (ADD-PATH) go to routers that were seen to receive them: by us while we hold the floating IP, by whoever held it last before.
//
// It must not know how FRR is configured, or how the API server is asked.
package role
