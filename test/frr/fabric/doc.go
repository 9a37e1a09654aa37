// Package fabric builds routers in network namespaces, with real FRR daemons of several versions at once, and takes them down whatever
// happens. A Topology goes in; Nodes to configure, to ask and to wait for come out. It knows nothing of the product: what it
// reports is what FRR says, read by a few lines of its own.
//
//	lab := fabric.New(t, fabric.Topology{
//		Nodes: []fabric.NodeSpec{
//			{Name: "node1", Version: fabric.V103, VRFs: []string{"red"}},
//			{Name: "tor1", Version: fabric.V84, Config: torConfig},
//		},
//		Links: []fabric.Link{{Ends: []fabric.End{
//			{Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.11/24", "fd00::11/64"}},
//			{Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
//		}}},
//	})
//	node, tor := lab.Node("node1"), lab.Node("tor1")
//	cmd := node.Command(ctx, "/path/frr-renderer", "run", "--node", "node1", "-f", dir)   // its /run/frr, /etc/frr and vtysh are the node's
//	agent, err := fabric.Start(cmd)
//	_, err := tor.WaitEstablished(ctx, "", "10.0.0.11")                                   // VRF "" is the default one
//	before, err := tor.Sessions(ctx)
//	route, err := tor.WaitRoute(ctx, "", "192.0.2.1/32", func(r fabric.Route) bool { return slices.Contains(r.Communities, "65000:1") })
//	after, err := tor.Sessions(ctx)
//	require.Empty(t, fabric.Disturbed(before, after))
//
// Waits end after DefaultTimeout unless the context has a deadline, and then say what they saw last. Programs without a
// testing.TB use Build, Fabric.Close, and Fabric.Detach with Open for a fabric that outlives them.
//
// What FRR's own clocks cost after a configuration was loaded by vtysh -f (both versions, measured): a session is up after 1 s; after 2 s when one
// side is passive; after 3 to 5 s with BFD, sometimes with one drop on the way, which is why WaitAllEstablished waits for BFD; after 4 s when route-maps
// were loaded, unless "bgp route-map delay-timer 0" stands before them. "neighbor X timers connect 1" is worth it on both sides.
//
// How it holds together: each node is a set of network, mount, PID and UTS namespaces whose process 1 (namespace.sh) ends with the
// process that built it, and the kernel then ends all the rest: daemons, mounts, interfaces. Nothing is created in the
// machine's own namespaces but a folder, /tmp/frrfab-*, which is locked while its owner lives and swept by the next start otherwise.
package fabric
