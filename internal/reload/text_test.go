package reload

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
)

// What is written of a configuration is that configuration.
func TestTextIsTheConfiguration(t *testing.T) {
	for f, written := range keptConfigurations(t) {
		c := read(written)
		text := c.text()
		again := read(text)
		defaults := func(l string) bool { return strings.HasPrefix(l, "frr defaults ") }
		require.ElementsMatch(t, slices.DeleteFunc(c.top, defaults), slices.DeleteFunc(again.top, defaults), f)
		for _, b := range c.blocks {
			require.ElementsMatch(t, b.lines, again.get(b.context...).lines, "%s: %v", f, b.context)
		}
		require.Len(t, again.blocks, len(c.blocks), f)
		require.Equal(t, c.notations, again.notations, f)
		running := Running{BGPD: text, BFDD: text, Previous: text, Whole: true, Version: frr103}
		if !strings.Contains(written, "frr defaults datacenter") {
			require.Empty(t, Diff(running, render.Document{Text: written}).Commands, f)
		}
	}
}

func TestTextIsTheSameEachTime(t *testing.T) {
	c := read("router bgp 65000\n bgp default ipv6-unicast\n neighbor 10.0.0.1 remote-as 65001\n no neighbor 10.0.0.1 activate\n" +
		" address-family ipv6 unicast\n  no neighbor 10.0.0.1 activate\n")
	c.blocks = slices.DeleteFunc(c.blocks, func(b *block) bool { return len(b.lines) == 0 })
	for range 20 {
		require.Equal(t, c.text(), c.text())
	}
}
