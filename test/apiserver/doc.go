// Package apiserver runs a real kube-apiserver with a real etcd for tests. test/kube builds both; this package starts them, makes users with
// just the rights that they need, and lets a test take the API server away and give it back.
package apiserver
