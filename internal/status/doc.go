// Package status tells the cluster what became of its objects: problems and the results of applies come in, metrics, Events and
// status objects go out.
//
// It decides what is told, and under which names. It must not know FRR's protocol, nor delay who tells it something: an API server that is
// away costs an apply nothing.
package status
