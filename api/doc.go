// Package api turns the types of its subdirectories into CRDs: api/crds_test.go holds those of metallb.io to what MetalLB's own CRDs accept;
// test/apiserver tries the others at a real API server.
//
// 32-bit unsigned fields carry the format int64: API servers check formats of integers, and int32 would refuse half of all AS numbers.
//
// Run "go generate ./api" after a change of a type or marker.
package api

//go:generate go tool controller-gen object paths=./...
//go:generate go tool controller-gen crd paths=./... output:crd:dir=../charts/frr-renderer/crds
