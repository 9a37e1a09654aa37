package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Crash takes a node's power: its link goes first, so that nobody is told, and then all that runs on it. It returns when the link went.
func (l *Lab) Crash(node string) time.Time {
	l.t.Helper()
	at := time.Now()
	l.Port(node, fabric.Cut)
	agent := l.Agent(node)
	if agent.Runs() {
		agent.Kill(l.t)
	}
	require.NoError(l.t, l.Node(node).Kill(l.t.Context(), unix.SIGKILL))
	l.forget(node)
	return at
}

// forget takes floating IPs from a node: a kernel without power has none.
func (l *Lab) forget(node string) {
	for _, f := range l.Spec.Floating {
		_, _ = l.Node(node).Exec(l.t.Context(), "ip", "addr", "del", f+"/32", "dev", "lo") // where it has it
	}
}

// Boot gives a crashed node its power back: FRR loads its frr.conf, and the agent starts.
func (l *Lab) Boot(node string) {
	l.t.Helper()
	l.Port(node, fabric.Plugged)
	l.StartFRR(node)
	l.Agent(node).Start(l.t)
}

// StartFRR starts FRR's daemons that do not run, from frr.conf, as FRR's own start script and watchfrr do.
func (l *Lab) StartFRR(node string) {
	l.t.Helper()
	n := l.Node(node)
	for _, d := range n.Daemons() {
		if n.PID(d) == 0 {
			require.NoError(l.t, n.Start(l.t.Context(), d))
		}
	}
	_, err := n.Boot(l.t.Context()) // what it complains about is for the product to mend
	require.NoError(l.t, err)
}

// CrashFRR kills bgpd of a node.
func (l *Lab) CrashFRR(node string) time.Time {
	l.t.Helper()
	at := time.Now()
	require.NoError(l.t, l.Node(node).Kill(l.t.Context(), unix.SIGKILL, "bgpd"))
	return at
}

// Port does something to the switch's port of a node.
func (l *Lab) Port(node string, to fabric.Port) {
	l.t.Helper()
	require.NoError(l.t, l.SetPort(node, "eth0", to))
}

// CutFromRouters loses what a node says to the routers' addresses of BGP; all else goes on. Mend takes it back.
func (l *Lab) CutFromRouters(node string) (mend func()) {
	l.t.Helper()
	for _, r := range l.Spec.Tors {
		l.IP(node, "route", "add", "blackhole", r.Address, "metric", "0", "table", "77")
	}
	l.IP(node, "rule", "add", "pref", "7", "lookup", "77")
	return func() {
		l.IP(node, "rule", "del", "pref", "7")
		l.IP(node, "route", "flush", "table", "77")
	}
}

// Occupy puts a floating IP on a node by hand in place of the product's, so that the node can't hold it. Its kernel answers no ARP for it (arp_ignore leaves out
// addresses of host scope, as for the real servers of a load balancer), so another node can. Vacate takes it off again.
func (l *Lab) Occupy(node, floating string) (vacate func()) {
	l.t.Helper()
	l.arpIgnore(node, "3")
	byHand := []string{floating + "/32", "dev", "eth0", "scope", "host"}
	l.IP(node, append([]string{"addr", "add"}, byHand...)...)
	l.IP(node, "addr", "del", floating+"/32", "dev", "lo")
	return func() {
		l.IP(node, append([]string{"addr", "del"}, byHand...)...)
		l.arpIgnore(node, "0")
	}
}

func (l *Lab) arpIgnore(node, value string) {
	l.t.Helper()
	_, err := l.Node(node).Exec(l.t.Context(), "sh", "-c", "echo "+value+" > /proc/sys/net/ipv4/conf/eth0/arp_ignore")
	require.NoError(l.t, err)
}

// Leader is the manager that works, by its Lease.
func (l *Lab) Leader() *Process {
	l.t.Helper()
	return l.LeaderSince(time.Time{})
}

// LeaderSince is the manager that works, by its Lease, once it has renewed that after a moment.
func (l *Lab) LeaderSince(moment time.Time) *Process {
	l.t.Helper()
	var leader *Process
	l.Eventually("a manager works", func() error {
		lease, err := l.API.Client.CoordinationV1().Leases(Namespace).Get(l.t.Context(), "frr-renderer-manager", metav1.GetOptions{})
		if err != nil {
			return err
		}
		holder := ""
		if lease.Spec.HolderIdentity != nil {
			holder = *lease.Spec.HolderIdentity
		}
		for _, m := range l.managers {
			if m.Runs() && strings.Contains(holder, m.At.Name) && lease.Spec.RenewTime.After(moment) {
				leader = m
				return nil
			}
		}
		return fmt.Errorf("the Lease is held by %q since %s", holder, lease.Spec.RenewTime)
	})
	return leader
}

// Renewal is when a node renewed its lease last, by the lease.
func (l *Lab) Renewal(node string) time.Time {
	l.t.Helper()
	lease, err := l.API.Client.CoordinationV1().Leases(Namespace).Get(l.t.Context(), gateway.LeaseName(node), metav1.GetOptions{})
	require.NoError(l.t, err)
	return lease.Spec.RenewTime.Time
}
