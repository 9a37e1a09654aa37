package vtysh

import "strings"

// item is a line to load, where it stands, and which reply is its.
type item struct {
	block *Block
	line  Line
	reply int
}

// entry names the entry of a route-map that a line makes, or belongs to; empty for others.
func (i item) entry() string {
	words := strings.Fields(i.line.Reveal())
	if len(i.block.Context) > 0 {
		words = strings.Fields(i.block.Context[0].Reveal())
	}
	if len(words) != 4 || words[0] != "route-map" {
		return ""
	}
	return words[1] + " " + words[3]
}

// decides tells that a line makes an entry of a route-map, or says which routes it is for.
func (i item) decides() bool {
	if len(i.block.Context) == 0 {
		return true
	}
	line := strings.TrimPrefix(i.line.Reveal(), "no ")
	return strings.HasPrefix(line, "match ") || strings.HasPrefix(line, "call ")
}

// cut is how many of the lines of a transaction that FRR refuses are tried first, without the others: about half, and whole entries of route-maps. One
// entry is cut behind all that says which routes it is for: without any of that it would be for others, as long as the rest is not tried, or for good.
// 0 tells that the lines come together or not at all.
func cut(items []item) int {
	between, within := 0, 0
	half := len(items) / 2
	nearer := func(a, b int) bool { return b == 0 || max(a-half, half-a) < max(b-half, half-b) }
	open := false // whether the entry behind the place is decided on further behind
	for n := len(items) - 1; n > 0; n-- {
		open = open || items[n].decides()
		switch {
		case items[n].entry() == "" || items[n].entry() != items[n-1].entry():
			if open = false; nearer(n, between) {
				between = n
			}
		case !open && nearer(n, within):
			within = n
		}
	}
	if between > 0 {
		return between
	}
	return within
}

// itemsOf are the lines of blocks, and blocksOf blocks of lines.
func itemsOf(blocks []Block) []item {
	var out []item
	for i := range blocks {
		for _, l := range blocks[i].Lines {
			out = append(out, item{&blocks[i], l, len(out)})
		}
	}
	return out
}

func blocksOf(items []item) []Block {
	var out []Block
	for n, i := range items {
		if n == 0 || items[n-1].block != i.block {
			out = append(out, Block{Context: i.block.Context, Bulk: i.block.Bulk})
		}
		last := &out[len(out)-1]
		last.Lines = append(last.Lines, i.line)
	}
	return out
}

// FRR commits what a client has sent of a transaction also when the client goes away in the middle of it (seen on 8.4 and 10.3): the header of an entry
// without its conditions, a list without its end. As long as a transaction is sealed, which is by an entry of a list that no commit can have, none of it is
// committed, whoever asks for it.
const (
	seal   Line = "ip prefix-list frr-renderer-unfinished seq 5 permit 192.0.2.0/24 ge 8"
	unseal Line = "no ip prefix-list frr-renderer-unfinished"
)

// sealable tells that no line commits those before it.
func sealable(blocks []Block) bool {
	for _, b := range blocks {
		for _, l := range b.Lines {
			if len(b.Context) == 0 && strings.HasPrefix(strings.TrimPrefix(l.Reveal(), "no "), "bgp ") {
				return false
			}
		}
	}
	return true
}
