// Package frrconf is FRR's own vocabulary as Go values: Instance ("router bgp"), Neighbor, Network, RouteMap, BFDProfile.
//
// Values are made by constructors that refuse anything which could end or alter a configuration line; a value that exists can be
// printed. It knows nothing of Kubernetes and decides nothing; fields stand in the order in which FRR prints them.
package frrconf
