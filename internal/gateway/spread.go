package gateway

import (
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"net/netip"
)

// Single is a next hop for routers that receive one only, and the one that takes its place when that node is gone, as indexes in
// Assignment.LoadBalancers; -1: there is none.
type Single struct{ NextHop, Reserve int }

// spread chooses for each VIP and floating IP one next hop, and its reserve.
//
// Each node has a score for each VIP and floating IP, a hash of the three, and the highest wins (rendezvous hashing): VIPs are spread evenly, a node that
// goes leaves its VIPs to others and touches none else, and one that comes takes a fair share. Floating IPs choose one after the other, by address,
// and take different nodes as long as there are any: so a router with two sessions has two paths. The reserve is what would be
// chosen if the node were not there.
func spread(vips []VIP, nodes []NextHop, floating []*floatingIP) {
	if len(vips) == 0 || len(floating) == 0 {
		return
	}
	s := spreader{
		hash:  make([]uint64, len(nodes)),
		taken: make([]bool, len(nodes)),
		from:  make([]uint64, len(floating)),
	}
	for i, n := range nodes {
		s.hash[i] = hashOf([]byte(n.Node))
	}
	for i, f := range floating {
		s.from[i] = hashAddr(f.addr)
	}
	all := make([]Single, len(vips)*len(floating))
	for i := range vips {
		vips[i].Single, all = all[:len(floating):len(floating)], all[len(floating):]
		s.choose(&vips[i])
	}
}

type spreader struct {
	// hash of each node, and from of each floating IP.
	hash, from []uint64
	// taken are the nodes that the VIP has already.
	taken []bool
}

func (s *spreader) choose(v *VIP) {
	of := hashAddr(v.Address)
	free := len(v.NextHops)
	for i := range v.Single {
		if free == 0 { // fewer nodes than floating IPs: once more from the start
			s.release(v.Single[:i])
			free = len(v.NextHops)
		}
		v.Single[i] = s.best(v.NextHops, mix(of^s.from[i]))
		s.taken[v.Single[i].NextHop] = true
		free--
	}
	s.release(v.Single)
}

func (s *spreader) release(chosen []Single) {
	for _, one := range chosen {
		s.taken[one.NextHop] = false
	}
}

// best is the node of the highest score among those that are free, and the next one.
func (s *spreader) best(hops []int, seed uint64) Single {
	out := s.highest(hops, seed)
	if out.Reserve == -1 || s.taken[out.NextHop] || s.taken[out.Reserve] { // rare where there are many nodes
		out = s.highestFree(hops, seed)
	}
	if out.Reserve == -1 {
		out.Reserve = s.other(hops, out.NextHop, seed)
	}
	return out
}

// highest are the two nodes of the highest scores, free or not. It is where the time goes: nodes times VIPs times floating IPs.
func (s *spreader) highest(hops []int, seed uint64) Single {
	out := Single{-1, -1}
	var high, second uint64
	hash := s.hash
	for _, i := range hops {
		score := mix(seed ^ hash[i])
		if score <= second {
			continue
		}
		if score > high {
			out.Reserve, second = out.NextHop, high
			out.NextHop, high = i, score
		} else {
			out.Reserve, second = i, score
		}
	}
	return out
}

func (s *spreader) highestFree(hops []int, seed uint64) Single {
	out := Single{-1, -1}
	var high, second uint64
	for _, i := range hops {
		if s.taken[i] {
			continue
		}
		switch score := mix(seed ^ s.hash[i]); {
		case out.NextHop == -1 || score > high:
			out.Reserve, second = out.NextHop, high
			out.NextHop, high = i, score
		case out.Reserve == -1 || score > second:
			out.Reserve, second = i, score
		}
	}
	return out
}

// other is the node of the highest score but for one, free or not; -1: there is no other.
func (s *spreader) other(hops []int, but int, seed uint64) int {
	out, high := -1, uint64(0)
	for _, i := range hops {
		if score := mix(seed ^ s.hash[i]); i != but && (out == -1 || score > high) {
			out, high = i, score
		}
	}
	return out
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return mix(h.Sum64())
}

func hashAddr(addr netip.Addr) uint64 {
	b := addr.As16()
	return mix(binary.BigEndian.Uint64(b[:8]) ^ mix(binary.BigEndian.Uint64(b[8:])))
}

// mix spreads every bit of a number over all others: the two halves of a product with an odd number, folded.
func mix(x uint64) uint64 {
	high, low := bits.Mul64(x^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return high ^ low
}
