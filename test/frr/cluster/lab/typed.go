package lab

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Objects are the lab's objects as a source of the product would deliver them, read from the API server now.
func (l *Lab) Objects() snapshot.Objects {
	l.t.Helper()
	var o snapshot.Objects
	read(l, "Node", &o.Nodes)
	read(l, "Service", &o.Services)
	read(l, "EndpointSlice", &o.EndpointSlices)
	read(l, "Secret", &o.Secrets)
	read(l, "ConfigMap", &o.ConfigMaps)
	read(l, "BGPPeer", &o.Peers)
	read(l, "IPAddressPool", &o.Pools)
	read(l, "BGPAdvertisement", &o.Advertisements)
	read(l, "BFDProfile", &o.BFDProfiles)
	read(l, "Community", &o.Communities)
	return o
}

func read[T any](l *Lab, kind string, to *[]*T) {
	l.t.Helper()
	for _, o := range l.List(kind) {
		data, err := o.MarshalJSON()
		require.NoError(l.t, err)
		typed := new(T)
		require.NoError(l.t, json.Unmarshal(data, typed))
		*to = append(*to, typed)
	}
}
