package status

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// announcedMost is how many series of announcements one scrape has: more than bgpd is ever given here, and few enough to bound what Services
// that share addresses could cost.
const announcedMost = 50_000

// Running is what FRR was brought to.
type Running struct {
	Node     string
	Services []AnnouncedService
	// Ports are those of the neighbors that are told to listen elsewhere than on 179: part of the name that MetalLB gives a session.
	Ports []NeighborPort
}

// AnnouncedService is one Service that the node announces, with its addresses as its status lists them.
type AnnouncedService struct {
	Namespace string
	Name      string
	Addresses []string
}

// NeighborPort is where a neighbor listens. Neighbor and VRF are FRR's names.
type NeighborPort struct {
	Neighbor string
	VRF      string
	Port     uint16
}

var (
	announced = prometheus.NewDesc(metallb+"_speaker_announced",
		"1 for each address of a Service that the node announces; gone when it no longer does.", []string{"service", "protocol", "node", "ip"}, nil)
	omitted = prometheus.NewDesc(namespace+"_series_omitted",
		"Series that this scrape leaves out, since the metric would have too many of them.", []string{"metric"}, nil)
)

// announcements makes series of the Services that are announced.
type announcements struct {
	most int // series of one scrape

	mu       sync.Mutex
	node     string
	services []AnnouncedService
}

// Runs tells what FRR was brought to, in place of what it ran before. Nobody may change it afterwards.
func (m *Metrics) Runs(r Running) {
	m.announced.mu.Lock()
	m.announced.node, m.announced.services = label(r.Node), r.Services
	m.announced.mu.Unlock()
	m.sessions.mu.Lock()
	m.sessions.ports = portsOf(r.Ports)
	m.sessions.mu.Unlock()
}

// Describe implements prometheus.Collector.
func (a *announcements) Describe(out chan<- *prometheus.Desc) {
	out <- announced
	out <- omitted
}

// Collect implements prometheus.Collector.
func (a *announcements) Collect(out chan<- prometheus.Metric) {
	a.mu.Lock()
	node, services := a.node, a.services
	a.mu.Unlock()
	left, more := a.most, 0
	here, bgp := pair("node", node), pair("protocol", "bgp")
	for _, s := range services {
		if left == 0 {
			more += len(s.Addresses)
			continue
		}
		service := pair("service", label(s.Namespace)+"/"+label(s.Name))
		for _, ip := range addresses(s.Addresses) {
			if left == 0 {
				more++
				continue
			}
			left--
			out <- &announcedMetric{[...]*dto.LabelPair{pair("ip", ip), here, bgp, service}}
		}
	}
	out <- prometheus.MustNewConstMetric(omitted, prometheus.GaugeValue, float64(more), metallb+"_speaker_announced")
}

// announcedMetric is one series. Nodes may announce ten thousand addresses, and the library's own metrics allocate more than twice as much.
type announcedMetric struct{ labels [4]*dto.LabelPair }

// one is the value of all of them.
var one = &dto.Gauge{Value: new(1.0)}

// Desc implements prometheus.Metric.
func (*announcedMetric) Desc() *prometheus.Desc { return announced }

// Write implements prometheus.Metric.
func (m *announcedMetric) Write(out *dto.Metric) error {
	out.Label, out.Gauge = m.labels[:], one
	return nil
}

func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// addresses writes addresses as everybody does, each once.
func addresses(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		ip := label(text)
		if addr, err := netip.ParseAddr(text); err == nil {
			ip = addr.Unmap().String()
		}
		if !slices.Contains(out, ip) {
			out = append(out, ip)
		}
	}
	return out
}
