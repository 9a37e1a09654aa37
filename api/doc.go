// Package api turns the types of its subdirectories into CRDs: api/crds_test.go holds them to what MetalLB's own CRDs accept.
//
// 32-bit unsigned fields carry the format int64: API servers check formats of integers, and int32 would refuse half of all AS numbers.
//
// Run "go generate ./api" after a change of a type or marker.
package api

//go:generate go tool controller-gen object paths=./...
//go:generate go tool controller-gen crd paths=./... output:crd:dir=../charts/frr-renderer/crds
