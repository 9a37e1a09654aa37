package status

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func gatewayDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_gateway_"+name, help, labels, nil)
}

var (
	gatewayHealthy = gatewayDesc("healthy", "1 while the node can hold floating IPs, 0 while it can't; \"frr-renderer status\" says why. Only in GDC mode, as all of frr_renderer_gateway_*.")
	gatewayState   = gatewayDesc("floating_ip",
		"1 for each floating IP that the node holds, or is to hold, or could not hold lately, by what became of it: held; probing, waiting (it is coming); conflict (another host answers for it); yielded, refused (given up, "+
			"or can't be held here).", "floating_ip", "state")
	gatewayChanges = gatewayDesc("floating_ip_changes_total", "Floating IPs that came onto the node (taken), and that went from it (left).", "change")
	gatewayWanted  = gatewayDesc("sessions", "Sessions with routers that a floating IP of the node has, up or not.", "floating_ip")
	gatewayUp      = gatewayDesc("sessions_established", "Those of them that are Established.", "floating_ip")
	gatewayAddPath = gatewayDesc("session_addpath",
		"1 while the router is told all paths for a prefix in the family (ADD-PATH was negotiated), 0 while it is told one.", "floating_ip", "peer", "family")
	leaseRenewals = gatewayDesc("lease_renewals_total", "Renewals of the node's lease, by which the manager knows that it lives.")
	leaseFailures = gatewayDesc("lease_renewal_failures_total", "Tries to renew it, or to give it back, that failed.")
	leaseWanted   = gatewayDesc("lease_wanted", "1 while the node's lease is to be renewed, since it holds a floating IP, or may be given one.")
	leaseAge      = gatewayDesc("lease_age_seconds", "How long ago the lease was renewed last; gone before the first renewal.")
)

// gateways makes series of a node's part in GDC mode.
type gateways struct {
	mu   sync.Mutex
	now  func() time.Time
	from func() *Gateway
}

// Gateway says whom to ask at each scrape for the node's part in GDC mode; nil is told for a node in no such mode.
func (m *Metrics) Gateway(from func() *Gateway, now func() time.Time) {
	m.gateway.mu.Lock()
	defer m.gateway.mu.Unlock()
	m.gateway.from, m.gateway.now = from, now
}

// Describe implements prometheus.Collector.
func (g *gateways) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		gatewayHealthy, gatewayState, gatewayChanges, gatewayWanted, gatewayUp, gatewayAddPath, leaseRenewals, leaseFailures, leaseWanted, leaseAge,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gateways) Collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	from, now := g.from, g.now
	g.mu.Unlock()
	if from == nil {
		return
	}
	at := from()
	if at == nil {
		return
	}
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	count := func(d *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	tell(gatewayHealthy, truth(at.Unwell == ""))
	count(gatewayChanges, at.Taken, "taken")
	count(gatewayChanges, at.Left, "left")
	for _, f := range at.FloatingIPs {
		tell(gatewayState, 1, f.Address.String(), strings.ToLower(string(f.State)))
		if f.State == FloatingIPHeld {
			sessions, up := at.routers(f.Address)
			tell(gatewayWanted, float64(sessions), f.Address.String())
			tell(gatewayUp, float64(up), f.Address.String())
		}
	}
	for _, s := range at.Sessions {
		for _, a := range s.AddPath {
			tell(gatewayAddPath, truth(a.Sending), s.FloatingIP.String(), s.Peer.String(), a.Family)
		}
	}
	if l := at.Lease; l != nil {
		count(leaseRenewals, l.Renewals)
		count(leaseFailures, l.Failures)
		tell(leaseWanted, truth(l.Wanted))
		if !l.Renewed.IsZero() {
			tell(leaseAge, now().Sub(l.Renewed).Seconds())
		}
	}
}

// routers counts the sessions of a floating IP with routers, and those of them that are Established.
func (g *Gateway) routers(floating netip.Addr) (sessions, up int) {
	for _, s := range g.Sessions {
		if s.FloatingIP == floating && s.With == WithRouter {
			sessions++
			if s.Established() {
				up++
			}
		}
	}
	return sessions, up
}

// Without are the floating IPs that the node holds, and that no router has a session with.
func (g *Gateway) Without() []netip.Addr {
	var out []netip.Addr
	for _, f := range g.FloatingIPs {
		if _, up := g.routers(f.Address); f.State == FloatingIPHeld && up == 0 {
			out = append(out, f.Address)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}
