// Package hostnet is the node's network, as the roles of a gateway need it: floating IPs put on and off, ARP that asks, tells and watches, the node's
// subnets, who listens on a port, and how the kernel would reach a peer.
//
// Addresses go in, facts come out; it decides nothing. It must not know Kubernetes, FRR, or why a node holds an address.
//
// The contract, in the order in which a gateway uses it:
//
//	lan, err := host.LAN(ctx, ip)                  // the interface whose subnet has the floating IP
//	err = host.WouldAnswer(ctx, lan)               // will this kernel answer for it there?
//	c, taken, err := host.Probe(ctx, lan, ip)      // does somebody else answer for it? (RFC 5227, 2.1)
//	err = host.Put(ctx, ip)                        // hold it for 60 s; again each 20 s while all is well
//	err = host.Announce(ctx, lan, ip)              // tell the neighbors, and to defend it (RFC 5227, 2.3)
//	err = host.Watch(ctx, lan, ip, func(Conflict)) // who else claims it, until ctx ends
//	err = host.Take(ctx, ip)                       // yield: after Announce and Watch have ended, and sessions from the address were closed
//
// An address that nobody puts again goes by itself: the kernel's lifetime ends it, whatever became of this process. Addresses of others are never
// refreshed or taken off; ours are told by the label of the address ("lo:frr-fip"), so they are found again after a restart.
//
// Every call ends with its context, and when it returns nothing of it runs on. Changes of floating IPs need NET_ADMIN, ARP needs NET_RAW; the errors of
// who lacks them say so. All else needs no right.
package hostnet
