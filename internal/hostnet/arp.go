package hostnet

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// arp is one packet of RFC 826, of IPv4 over Ethernet. It is written by hand: 28 bytes of one form, a filter in the kernel, and the interface on which it
// came (a parent of VLANs sees those of its VLANs, too) are less than a library's packets, connections and deadlines.
type arp struct {
	op        uint16
	senderMAC net.HardwareAddr
	sender    netip.Addr
	targetMAC net.HardwareAddr
	target    netip.Addr
}

const (
	request = 1
	reply   = 2

	arpLength = 28
	// Where the two addresses are in the packet.
	senderAt, targetAt = 14, 24
)

// arpHeader is Ethernet, IPv4, and the lengths of their addresses.
var arpHeader = []byte{0, 1, 8, 0, 6, 4}

var (
	broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	nobody    = net.HardwareAddr{0, 0, 0, 0, 0, 0}
)

func (p arp) bytes() []byte {
	b := bytes.Clone(arpHeader)
	b = binary.BigEndian.AppendUint16(b, p.op)
	b = append(b, p.senderMAC...)
	b = append(b, p.sender.AsSlice()...)
	b = append(b, p.targetMAC...)
	return append(b, p.target.AsSlice()...)
}

// parseARP tells packets of other kinds apart. Ethernet pads short packets, so more bytes may follow.
func parseARP(b []byte) (arp, bool) {
	if len(b) < arpLength || !bytes.HasPrefix(b, arpHeader) {
		return arp{}, false
	}
	return arp{
		op:        binary.BigEndian.Uint16(b[6:]),
		senderMAC: bytes.Clone(b[8:14]),
		sender:    netip.AddrFrom4([4]byte(b[senderAt : senderAt+4])),
		targetMAC: bytes.Clone(b[18:24]),
		target:    netip.AddrFrom4([4]byte(b[targetAt : targetAt+4])),
	}, true
}

// question is RFC 5227's probe: who has the address? It names no sender, so no neighbor learns from it.
func question(lan LAN, ip netip.Addr) arp {
	return arp{op: request, senderMAC: lan.MAC, sender: netip.IPv4Unspecified(), targetMAC: nobody, target: ip}
}

// announcements are RFC 5227's, a request, and the reply that others understand instead. Linux takes it when both MAC addresses are the same.
func announcements(lan LAN, ip netip.Addr) []arp {
	return []arp{
		{op: request, senderMAC: lan.MAC, sender: ip, targetMAC: nobody, target: ip},
		{op: reply, senderMAC: lan.MAC, sender: ip, targetMAC: lan.MAC, target: ip},
	}
}

// answer is the reply to a question that names no sender.
func answer(lan LAN, ip netip.Addr, to net.HardwareAddr) arp {
	return arp{op: reply, senderMAC: lan.MAC, sender: ip, targetMAC: to, target: netip.IPv4Unspecified()}
}

// wire is where ARP packets about one address go and come from.
type wire struct {
	*socket
	lan LAN
}

// listenARP opens a socket that sees the ARP packets of a LAN about one address, and no other.
func (h *Host) listenARP(lan LAN, ip netip.Addr) (*wire, error) {
	// Protocol 0 until it is bound: nothing comes in from other interfaces before.
	s, err := h.open(unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, about(ip)); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: arpProtocol, Ifindex: lan.Index})
	})
	if err != nil {
		return nil, needs(netRaw, err)
	}
	return &wire{socket: s, lan: lan}, nil
}

// arpProtocol is ETH_P_ARP in network order.
var arpProtocol = binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ARP))

// about is a filter in the kernel: the sender's or the target's address is this one.
func about(ip netip.Addr) *unix.SockFprog {
	address := binary.BigEndian.Uint32(ip.AsSlice())
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: senderAt},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: address, Jt: 2},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: targetAt},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: address, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}

// tell tells all neighbors.
func (w *wire) tell(packets ...arp) error { return w.tellOne(broadcast, packets...) }

func (w *wire) tellOne(mac net.HardwareAddr, packets ...arp) error {
	to := &unix.SockaddrLinklayer{Protocol: arpProtocol, Ifindex: w.lan.Index, Halen: 6}
	copy(to.Addr[:], mac)
	for _, p := range packets {
		if err := w.send(p.bytes(), to); err != nil {
			return needs(netRaw, err)
		}
	}
	return nil
}
