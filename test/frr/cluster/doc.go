// Package cluster holds the scenarios in which the product watches a real API server: MetalLB's own lists, ported (docs/scenarios.md), on each version of
// FRR. Package lab is the cluster that they run in.
package cluster
