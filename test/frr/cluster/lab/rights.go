package lab

import "github.com/frr-renderer/frr-renderer/internal/rights"

// What a sidecar may do is what the chart gives to it, with every option on, and nothing else.
var (
	everywhere          = rights.Rules(rights.All(), rights.Cluster)
	inMetalLBsNamespace = rights.Rules(rights.All(), rights.Namespace)
)
