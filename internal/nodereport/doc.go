// Package nodereport tells the API server what a node in GDC mode does. In comes a Report, whenever anything of it has changed, and the latest wins; out go
// the node's NetworkGatewayNode, the Lease by which the manager knows that its agent lives, and the status of the BGPSessions that start here.
//
// It decides nothing, and keeps nobody waiting: an API server that is away costs who tells it nothing, and one object that can't be written does not keep the
// others, the Lease least of all. It must not know of FRR, the node's network, or the files of this host.
package nodereport
