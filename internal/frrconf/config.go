package frrconf

import "fmt"

// Config is everything that one node's FRR runs on our behalf. Slices are sorted by whoever makes them, in FRR's own order.
type Config struct {
	LargeCommunityLists []LargeCommunityList
	RouteMaps           []RouteMap
	Instances           []Instance
	BFDProfiles         []BFDProfile
	// Extras are an administrator's own lines (MetalLB's bgpextras), checked and unchanged, in FRR's syntax.
	Extras Extras
}

// Extras are verbatim configuration lines. They are the one way for text of a user to become configuration: NewExtras is called only
// with what translate has checked line by line.
type Extras struct{ lines []string }

// NewExtras keeps lines; none may hold a line break.
func NewExtras(lines []string) Extras { return Extras{lines} }

// Lines returns the lines, without line ends.
func (e Extras) Lines() []string { return e.lines }

// Format implements fmt.Formatter: an administrator's lines may hold passwords, so only their number is printed.
func (e Extras) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%d lines", len(e.lines)) }
