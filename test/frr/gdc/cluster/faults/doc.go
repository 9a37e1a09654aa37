// Package faults breaks things in a GDC cluster under running traffic, and shows what must hold: a working holder never loses its floating IP to a fault of
// the control plane, a dead one never keeps it, whoever is left has all sessions, and no Service is unreachable while one of two gateways lives.
//
// Each test is a lab of its own on each version of FRR. The short form waits for what shall be seen, and asserts no times: a busy machine makes leases run out, and that is
// a fault of the control plane as any other. "-long" asserts times, keeps the API server and the manager away for ten minutes, and sees what takes more than a minute.
// What was seen is logged (-v), and written to docs/performance.md and docs/faults.md.
package faults
