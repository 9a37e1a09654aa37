// Package chart proves charts/frr-renderer with real parts: what helm makes of it, what a real API server takes of it, and that its pod works
// with real FRR under just the rights that it gives. There is no kubelet: pod_test.go runs the containers' own command lines.
package chart
