package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// what people type, each time another thing.
var typed = [][]string{
	{"router bgp 64500", "no neighbor 10.0.0.2"},
	{"no route-map out-all"},
	{"router bgp 64500", "neighbor 10.0.0.1 shutdown", "address-family ipv4 unicast", "no network 192.0.2.10/32", "network 192.0.2.11/32"},
	{"route-map out-all permit 1", "description mine", "route-map 10.0.0.1-in permit 7"},
	{"no router bgp 64500"},
	{"router bgp 64500", "neighbor 10.0.0.77 remote-as 64577", "neighbor 10.0.0.1 description mine", "no coalesce-time"},
}

func TestAPersonTypesAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		person := l.person("bgpd")
		person.types("enable")
		turn := 0
		l.lenient = true // a person may well send what the product would not
		l.atPoints(9, func() {
			person.types(append([]string{"configure terminal"}, typed[turn%len(typed)]...)...)
			turn++
		}, func() {})
	})
}

// A person who stays in the middle of a configuration, half a line typed, is in nobody's way.
func TestAPersonStaysInConfiguration(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		for _, d := range l.node.Daemons() {
			l.person(d).types("enable", "configure terminal")
		}
		bgpd := l.person("bgpd")
		bgpd.types("enable", "configure terminal", "router bgp 64500", "address-family ipv4 unicast")
		_, err := bgpd.Write([]byte("network 192.0.2."))
		require.NoError(t, err)
		_, b := l.learn()
		l.put(b.objects)
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.safe("beside a person")
	})
}

// FRR 10 has one lock, that of mgmtd's datastores; "vtysh -f" waits for it for ever. What bgpd runs does not wait.
func TestAPersonHoldsTheConfigurationLock(t *testing.T) {
	t.Parallel()
	fabric.Require(t, fabric.V103)
	l := newLab(t, fabric.V103)
	a, b := l.learn()
	holder := l.person("mgmtd")
	holder.types("enable", "configure terminal file-lock")
	l.step()
	// A static route is mgmtd's; the Service beside it is not.
	l.put(b.objects + object("ConfigMap", "bgpextras", "data: {extras: \"ip route 203.0.114.0/24 Null0\"}"))
	l.comesTo(b.runs, seconds(10))
	l.hear(b.hears)
	l.says("the configuration is locked")
	require.Equal(t, "before", l.kept(), "FRR does not run all of the new one")
	holder.Close()
	l.eventually("the static route is there", seconds(20), func() bool {
		text, err := l.node.RunningConfig(t.Context())
		return err == nil && strings.Contains(text, "ip route 203.0.114.0/24 Null0")
	})
	l.eventually("all is kept", seconds(5), func() bool { return l.kept() == "after" })
	_ = a
}

func TestReloadWhileAPersonHoldsTheConfigurationLock(t *testing.T) {
	t.Parallel()
	fabric.Require(t, fabric.V103)
	l := newLab(t, fabric.V103)
	holder := l.person("mgmtd")
	holder.types("enable", "configure terminal file-lock")
	file := l.file("ip route 203.0.114.0/24 Null0\nroute-map one permit 1\nexit\nrouter bgp 64500\n")
	began := time.Now()
	out, code := l.cli("reload", file, "--frr-conf", "none")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "the configuration is locked")
	require.Less(t, time.Since(began), seconds(30))
	holder.Close()
	out, code = l.cli("reload", file, "--frr-conf", "none")
	require.Zero(t, code, out)
	require.Contains(t, out, "ip route 203.0.114.0/24 Null0")
}
