package frrconf

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name is the name of a route-map, a BFD profile or a VRF: one word of FRR's grammar.
type Name struct{ word string }

// MaxNameLen is the longest Name in bytes. FRR's own limits are higher (BFD profiles: 64, route-maps: none); a VRF's is MaxInterfaceLen.
const MaxNameLen = 64

// NewName returns s as a Name. Letters, digits and . _ - : @ / are taken; anything else, an empty or an overlong name is an error.
func NewName(s string) (Name, error) {
	if err := checkWord(s, MaxNameLen, "._-:@/"); err != nil {
		return Name{}, err
	}
	return Name{s}, nil
}

// String returns the name as FRR prints it; empty for the zero Name, which means "none".
func (n Name) String() string { return n.word }

// IsZero tells whether no name is set.
func (n Name) IsZero() bool { return n.word == "" }

// MaxInterfaceLen is the longest name of a network device in Linux (IFNAMSIZ less its end).
const MaxInterfaceLen = 15

// NewVRF returns s as the name of a VRF: the name of a network device. "default" is the default VRF, the zero Name.
func NewVRF(s string) (Name, error) {
	if s == "" || s == "default" {
		return Name{}, nil
	}
	if s == "all" {
		return Name{}, fmt.Errorf("%q means every VRF to FRR and can't be the name of one", s)
	}
	if err := checkDevice(s); err != nil {
		return Name{}, err
	}
	return Name{s}, nil
}

// checkDevice takes what Linux takes as the name of a network device, less what FRR's grammar could read as something else.
func checkDevice(s string) error {
	if err := checkWord(s, MaxInterfaceLen, "._-@"); err != nil {
		return err
	}
	if s == "." || s == ".." || strings.HasPrefix(s, "-") {
		return fmt.Errorf("%q is not the name of a network device", s)
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return fmt.Errorf("%q is an address, not the name of a network device", s)
	}
	return nil
}

func checkWord(s string, limit int, punctuation string) error {
	switch {
	case s == "":
		return fmt.Errorf("empty name")
	case len(s) > limit:
		return fmt.Errorf("%q is longer than %d characters", s[:limit]+"...", limit)
	}
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(punctuation, r) {
			continue
		}
		return fmt.Errorf("%q holds %q; letters, digits and %s are allowed", s, r, punctuation)
	}
	return nil
}

// Description is free text at the end of a line.
type Description struct{ text string }

// MaxDescriptionLen is the longest Description in bytes; FRR cuts a neighbor's at 80 in some of its tables, not in its configuration.
const MaxDescriptionLen = 200

// NewDescription returns s as a Description. What FRR could not carry (control characters, runs of spaces, more than MaxDescriptionLen
// bytes) is mended, since a description changes nothing: it is never worth an error.
func NewDescription(s string) Description {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > MaxDescriptionLen {
		s = s[:MaxDescriptionLen-3]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s = strings.TrimRight(s, " ") + "..."
	}
	return Description{s}
}

// String returns the text; empty means "none".
func (d Description) String() string { return d.text }

// IsZero tells whether there is no text.
func (d Description) IsZero() bool { return d.text == "" }
