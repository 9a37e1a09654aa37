// Package lab is a whole GDC cluster for tests and the demo: a real API server with GDC's kinds, managers, nodes with real FRR and the real product in
// network namespaces, routers with a foot in each subnet, and a client behind them that opens connections to Services.
//
//	func TestMain(m *testing.M) { os.Exit(product.Main(m)) }
//
//	l := lab.New(t, lab.Spec{Version: fabric.V103, Machines: ..., Tors: ..., Floating: ...})
//	l.Apply(text)                      // objects as in files, with their status
//	l.Run()                            // managers and agents
//	l.Settled()                        // every floating IP held by one node, every session up and told
//	w := l.Watch()                     // connections, sessions, next hops, holders, from now on
//	l.Crash("n4"); l.Settled()
//	t.Log(w.Account(crashed, time.Now()))
//
// What it reports is what the kernels, the routers and the API server say, never what the product believes. Each lab has an API server of its own: of
// GDC's clusters there is one at an API server.
package lab
