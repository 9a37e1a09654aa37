// Package network is the networks of GDC's documents, in network namespaces: a bridge for each subnet of nodes, routers with a foot in each, and a client
// behind the routers. In goes a Spec, out come nodes with their addresses and routes, routers that are configured, and the means to open connections
// through them. It knows nothing of the product.
package network
