// Package faults breaks what lies between the API server and the routers: the API server and the way to it, its answers, the clock, the
// rights, the product itself, FRR, the whole pod.
//
// The objects are in a real kube-apiserver, FRR of each version runs beside the product, and peers write down every UPDATE. In each fault the
// same must hold: nothing that is announced is lost, nothing that was withdrawn returns, and no session is reset. docs/faults.md
// has the list. The short form takes a sample; flags make it long (see lab_test.go).
package faults
