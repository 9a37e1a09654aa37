// Package lab is a whole cluster for tests: a real API server with MetalLB's CRDs, nodes and ToR routers with real FRR in network namespaces, and
// on each node the real product, which watches the API server as a user with no more rights than it needs.
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
//	l := lab.New(t, lab.Rack(fabric.V103, 2, lab.Tor(fabric.V84, 64501)))
//	l.Run()                                                       // the sidecar of every node
//	l.Apply(manifest.Peer("tor1", "10.0.0.1", 64501), ...)        // objects as in files; nodes are named node1, node2
//	l.Announced("tor1", "192.0.2.10/32", "node1", "node2")        // waits until exactly these announce it
//	l.Undisturbed(func() { l.Delete("Service", "web"); l.Table("tor2") })
//
// All tests of a package share one API server, side by side. Each lab has namespaces, nodes' names and a loadBalancerClass of its own, so that no
// sidecar acts on another test's objects (it does see them, as in a big cluster).
//
// With each change of an object, and at the end, the lab compares the sessions of every node with those before: a session may only have been dropped
// where a plan of that node's sidecar said so. What a test breaks by its own hand it takes out of the account with Forget.
package lab
