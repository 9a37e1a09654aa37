// Package iprange reads the entries of address pools: prefixes and ranges of one family, as MetalLB and GDC write them. It knows nothing of who
// uses them.
package iprange
