// Package gobgp is a precise BGP peer for tests: GoBGP's message codec under a session of our own. It remembers every UPDATE as it came
// off the wire, with the time of its last byte, all path attributes and path identifiers, also those that repeat what was known;
// and every OPEN and NOTIFICATION. It has no policy and no best path, and announces only what it is told to.
//
//	peer := gobgp.Start(t, lab.Node("tor1"), gobgp.Config{
//		AS: 65000, Address: netip.MustParseAddr("10.0.0.1"), Neighbor: netip.MustParseAddr("10.0.0.11"),
//	})
//	require.NoError(t, peer.WaitEstablished(ctx))
//	path, err := peer.WaitPath(ctx, netip.MustParsePrefix("192.0.2.1/32"), func(p gobgp.Path) bool { return p.MED == 50 })
//	mark := peer.Mark()
//	... change one Service ...
//	updates := peer.Since(mark)   // exactly what was sent again
//
// One Peer is one session from one address of a fabric node (of version fabric.None, or of an FRR whose bgpd does not listen there). It runs in
// the test's own process; only its sockets are in the node's network namespace.
package gobgp
