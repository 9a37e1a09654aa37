package differential

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// speaker is a live BGP peer that every FRR under test can reach.
type speaker struct {
	Address  string
	AS       uint32
	Password string
	// Waits tells that the peer waits to be called, as a view's must: FRR looks for who calls in the default instance only. The others call
	// until they are heard, since FRR itself calls again after two minutes.
	Waits   bool
	AddPath bool
	VRF     string
}

// password is what speakers with MD5 use.
const password = "secret5"

// speakers are the live peers. The views' are apart, since a peer has one session at a time.
var speakers = []speaker{
	{Address: "10.0.0.2", AS: 65002},
	{Address: "10.0.0.3", AS: 65003},
	{Address: "10.0.0.4", AS: 65000},
	{Address: "10.0.0.5", AS: 65005},
	{Address: "10.0.0.6", AS: 65006, Password: password},
	{Address: "10.0.0.7", AS: 65000, Password: password, AddPath: true},
	{Address: "10.0.0.8", AS: 65008, AddPath: true},
	{Address: "10.9.1.1", AS: 65009},
	{Address: "10.9.1.2", AS: 65009},
	{Address: "10.0.0.12", AS: 65002, Waits: true},
	{Address: "10.0.0.13", AS: 65013, Waits: true},
	{Address: "2001:db8::2", AS: 65006},
	{Address: "2001:db8::4", AS: 65000},
	{Address: "10.0.0.2", AS: 65002, VRF: vrf},
	{Address: "10.0.0.14", AS: 65014, VRF: vrf},
}

// viewSpeakers are for the neighbors of views.
var viewSpeakers = []string{"10.0.0.12", "10.0.0.13"}

// vrf is the one that exists in the FRRs under test, spare an interface of theirs without peers.
const (
	vrf   = "red"
	spare = "eth1"
)

var ownAddress = map[bool]netip.Addr{true: netip.MustParseAddr("10.0.0.1"), false: netip.MustParseAddr("2001:db8::1")}

func (s speaker) neighbor() netip.Addr {
	return ownAddress[netip.MustParseAddr(s.Address).Is4()]
}

// stand is an FRR under test with live peers of its own. All stands have the same addresses.
type stand struct {
	dut   *fabric.Node
	peers []*peer
	// bfd answers for the peers: FRR 10.3 starts no BGP session before BFD is up.
	bfd []*gobgp.BFD
	// began are the sessions that each peer had before the FRR was loaded.
	began []int
	// runs is the configuration that was loaded into it when it was empty.
	runs   string
	used   bool
	stop   context.CancelFunc
	worker sync.WaitGroup
}

// peer announces its routes whenever its session comes up, and when it is asked.
type peer struct {
	speaker
	*gobgp.Peer
	// announced are the sessions and the refreshes before it did so last.
	announced [2]int
}

// nodes returns what one stand adds to a topology.
func nodes(name string, version fabric.Version, vrfs []string) ([]fabric.NodeSpec, []fabric.Link) {
	lan := fabric.End{Node: name + "p", Interface: "eth0"}
	red := fabric.End{Node: name + "p", Interface: "red0", VRF: vrf}
	for _, s := range speakers {
		switch {
		case s.VRF != "":
			red.Addresses = append(red.Addresses, s.Address+"/8")
		case strings.Contains(s.Address, ":"):
			lan.Addresses = append(lan.Addresses, s.Address+"/64")
		default:
			lan.Addresses = append(lan.Addresses, s.Address+"/8")
		}
	}
	links := []fabric.Link{
		{Ends: []fabric.End{{Node: name, Interface: "eth0", Addresses: []string{"10.0.0.1/8", "2001:db8::1/64"}}, lan}},
		{Ends: []fabric.End{{Node: name, Interface: spare}, {Node: name + "p", Interface: spare}}},
	}
	if len(vrfs) > 0 {
		links = append(links, fabric.Link{Ends: []fabric.End{{Node: name, Interface: "red0", VRF: vrf, Addresses: []string{"10.0.0.1/8"}}, red}})
	}
	return []fabric.NodeSpec{{Name: name, Version: version, VRFs: vrfs}, {Name: name + "p", VRFs: vrfs}}, links
}

func newStand(ctx context.Context, f *fabric.Fabric, name string) (*stand, error) {
	s := &stand{dut: f.Node(name)}
	for i, spec := range speakers {
		if spec.VRF != "" && len(s.dut.Spec.VRFs) == 0 {
			continue
		}
		c := gobgp.Config{
			AS: spec.AS, VRF: spec.VRF, Address: netip.MustParseAddr(spec.Address), Neighbor: spec.neighbor(), Password: spec.Password, Dial: !spec.Waits,
			RouterID: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), HoldTime: 180 * time.Second, Retry: 400 * time.Millisecond,
			Unheard: 2 * time.Second,
		}
		if spec.AddPath {
			c.AddPath = bgp.BGP_ADD_PATH_RECEIVE
		}
		p, err := gobgp.Run(f.Node(name+"p"), c)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.peers = append(s.peers, &peer{speaker: spec, Peer: p})
		bfd, err := gobgp.RunBFD(f.Node(name+"p"), spec.VRF, netip.MustParseAddr(spec.Address), spec.neighbor(), func() { _ = p.Reset() })
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.bfd = append(s.bfd, bfd)
	}
	ctx, s.stop = context.WithCancel(context.Background())
	s.worker.Go(func() { s.announce(ctx) })
	return s, nil
}

func (s *stand) close() error {
	if s.stop != nil {
		s.stop()
		s.worker.Wait()
	}
	for _, p := range s.peers {
		p.Close()
	}
	for _, r := range s.bfd {
		r.Close()
	}
	return nil
}

// announce has each peer send its routes in every session, and whenever FRR asks.
func (s *stand) announce(ctx context.Context) {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, p := range s.peers {
			if n := [2]int{p.Sessions(), p.Refreshes()}; n != p.announced && p.Established() && p.send(i) == nil {
				p.announced = n
			}
		}
	}
}

// send announces routes of the peer's own, for both families. None is announced by two peers: which of two equal paths is the best one
// depends on which came first.
func (p *peer) send(i int) error {
	var errs []error
	four := func(path gobgp.Path, prefixes ...string) {
		var list []netip.Prefix
		for _, s := range prefixes {
			list = append(list, netip.MustParsePrefix(fmt.Sprintf(s, 20+i)))
		}
		errs = append(errs, p.Announce(path, list...))
	}
	if strings.Contains(p.Address, ":") {
		four(gobgp.Path{Communities: []string{"65101:1"}}, "2001:db8:1%d::/48")
		four(gobgp.Path{ASPath: []uint32{64512}, MED: 20}, "2001:db8:1%d:1::/64", "2001:db8:1%d:2::/64")
		return errors.Join(append(errs, p.EndOfRIB(bgp.RF_IPv6_UC))...)
	}
	four(gobgp.Path{Communities: []string{"65101:1", "65535:65281"}, MED: 10}, "100.%d.0.0/24", "100.%d.1.0/24")
	four(gobgp.Path{Communities: []string{"65101:2"}, LargeCommunities: []string{"65101:1:2"}, ASPath: []uint32{64512, 3000}}, "100.%d.2.0/24", "100.%d.3.0/28")
	four(gobgp.Path{ASPath: []uint32{3000}}, "100.%d.4.0/24")
	return errors.Join(append(errs, p.EndOfRIB(bgp.RF_IPv4_UC))...)
}

// announced is what the prefixes of a peer's own routes begin with.
func announced(i int) []string {
	return []string{fmt.Sprintf("100.%d.", 20+i), fmt.Sprintf("2001:db8:1%d:", 20+i)}
}

// fresh loads a configuration into an empty FRR, and returns what FRR said about it.
func (s *stand) fresh(ctx context.Context, text string) ([]string, error) {
	s.runs = ""
	if !s.used {
		if err := s.ready(ctx); err != nil {
			return nil, err
		}
	} else {
		if err := s.dut.Kill(ctx, unix.SIGKILL); err != nil {
			return nil, err
		}
		if err := s.clean(); err != nil {
			return nil, err
		}
		// What daemons wrote down for their successors.
		left, _ := filepath.Glob(filepath.Join(s.dut.VtyDir(), "*.json"))
		for _, f := range left {
			os.Remove(f)
		}
		if err := s.dut.Restart(ctx); err != nil {
			return nil, err
		}
		if err := s.ready(ctx); err != nil {
			return nil, err
		}
	}
	s.used = true
	s.began = s.began[:0]
	for _, p := range s.peers {
		s.began = append(s.began, p.Sessions())
	}
	said, err := s.dut.Load(ctx, text)
	if err != nil {
		return nil, err
	}
	s.runs = text
	return unremarked(said), nil
}

// ready waits until mgmtd has made friends with zebra and staticd: it loses static routes that it is told in the midst of that.
func (s *stand) ready(ctx context.Context) error {
	if s.dut.Version == fabric.V84 {
		return nil
	}
	last := ""
	for {
		said, err := s.dut.Ask(ctx, "mgmtd", "show mgmt backend-adapter all")
		if err != nil {
			return err
		}
		if strings.Contains(said, "Total: 2") && said == last {
			return nil
		}
		last = said
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ours are the protocols whose routes in the kernel FRR owns, by /etc/iproute2/rt_protos.d/frr.conf: 11 and from 186 on.
func ours(protocol netlink.RouteProtocol) bool { return protocol == 11 || protocol >= 186 }

// clean takes away what zebra gave the kernel and leaves there when it is killed: addresses of the spare interface, and routes.
func (s *stand) clean() error {
	for _, v := range append([]string{""}, s.dut.Spec.VRFs...) {
		err := s.dut.Netlink(v, func(h *netlink.Handle) error {
			routes, err := h.RouteListFiltered(unix.AF_UNSPEC, &netlink.Route{}, 0)
			if err != nil {
				return err
			}
			for _, r := range routes {
				if !ours(r.Protocol) {
					continue
				}
				// By prefix alone: the kernel does not find a route again by a next hop that is an object of its own.
				err := h.RouteDel(&netlink.Route{Dst: r.Dst, Table: r.Table, Priority: r.Priority, Protocol: r.Protocol, Type: r.Type})
				if err != nil && !errors.Is(err, unix.ESRCH) {
					return fmt.Errorf("remove route %s: %w", r, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.dut.Netlink("", func(h *netlink.Handle) error {
		link, err := h.LinkByName(spare)
		if err != nil {
			return err
		}
		addresses, err := h.AddrList(link, unix.AF_UNSPEC)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if a.IP.IsLinkLocalUnicast() {
				continue
			}
			if err := h.AddrDel(link, &a); err != nil {
				return err
			}
		}
		return h.LinkSetUp(link)
	})
}

// remarks are what FRR says beside success.
var remarks = regexp.MustCompile(`MGMTD: No changes found to be committed!|Graceful restart configuration changed, reset (this peer|all peers) to take effect` +
	`|not installed currently because dependent config not fully available|Reset BGP session for tcp-mss value to take effect` +
	`|Echo mode works correctly for IPv4, but only works when the peer is also FRR|^The route-map '.*' does not exist|already configured with NETNS|^% keepalive value [0-9]+ is larger than`)

func unremarked(said []string) []string {
	return slices.DeleteFunc(said, func(l string) bool { return remarks.MatchString(l) })
}

// client is a new client of the product for the FRR.
func (s *stand) client() vtysh.Client {
	return vtysh.NewAuto(vtysh.NewSocket(s.dut.VtyDir()), vtysh.NewExec("", s.dut.VtyshPath()))
}

// hurry has FRR try the sessions at once that are down: after many failures it would wait for up to a minute.
func (s *stand) hurry(ctx context.Context) error {
	sessions, err := s.bgp(ctx)
	if err != nil {
		return err
	}
	for name, v := range sessions {
		if v.established {
			continue
		}
		id, instance, _ := strings.Cut(name, " ")
		// Neighbors that a range has made go when their session does.
		_, err := s.dut.Ask(ctx, "bgpd", strings.Join(strings.Fields("clear bgp "+instance+" "+id), " "))
		if err != nil && !strings.Contains(err.Error(), "Unknown neighbor") {
			return err
		}
	}
	return nil
}

// says is what the live peer knows of its session.
func (s *stand) says(neighbor string) string {
	id, _, _ := strings.Cut(neighbor, " ")
	for _, p := range s.peers {
		if p.Address == id {
			return p.String()
		}
	}
	return "nobody"
}

// sessions counts how often each peer's session has come up, and 0 where it is down.
func (s *stand) sessions() []int {
	out := make([]int, len(s.peers))
	for i, p := range s.peers {
		if p.Established() {
			out[i] = p.Sessions()
		}
	}
	return out
}

// pulse changes whenever a peer's session or its updates do. Sessions that come and go for ever are not waited for: some configurations
// are such.
func (s *stand) pulse() string {
	var b strings.Builder
	for i, p := range s.peers {
		if n := p.Sessions(); n-s.began[i] < 6 {
			fmt.Fprint(&b, n, p.Established(), p.Mark(), " ")
		}
	}
	return b.String()
}
