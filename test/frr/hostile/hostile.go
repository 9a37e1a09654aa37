// Package hostile is what an attacker writes who may create objects: every string of every object is a way to try. In come objects, out come the same with a poisoned
// string each, and a judge that knows every form of line that the product renders. It must not know what the objects mean.
package hostile

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Marker stands in every hostile string, to find it again.
const Marker = "hOsTiLe"

// words are what may be written in place of a value.
func words(value string) []string {
	var out []string
	for _, s := range []string{
		"\nrouter bgp 1\n hostname hOsTiLe", "\r\nhostname hOsTiLe", "\x00hOsTiLe", " hOsTiLe", "\thOsTiLe", "!hOsTiLe", "#hOsTiLe", "\u2028hostname hOsTiLe",
		"\u0085hostname hOsTiLe", "\x1b[2Jhostname hOsTiLe", "{{.hOsTiLe}}", "$(hOsTiLe)", "%shOsTiLe", ";hOsTiLe", "|hOsTiLe", "\\nhOsTiLe", "\"hOsTiLe\"",
		" permit 1\nhOsTiLe", "\nexit\nhOsTiLe", "\xff\xfehOsTiLe", strings.Repeat("hOsTiLe", 700),
	} {
		out = append(out, value+s, s+value, s)
	}
	return out
}

// Each calls f with the objects that objects makes, anew for each string and each hostile form of it, one at a time poisoned, and returns how many strings
// there are.
func Each(objects func() snapshot.Objects, f func(at string, objects snapshot.Objects)) (fields int) {
	all := objects()
	stringsIn(reflect.ValueOf(&all), "", func(string, string, func(string)) { fields++ })
	for target := range fields {
		for h := range words("") {
			all, at, i := objects(), "", 0
			poison := func() {}
			stringsIn(reflect.ValueOf(&all), "", func(path, value string, set func(string)) {
				if i == target {
					at, poison = path, func() { set(words(value)[h]) }
				}
				i++
			})
			poison()
			f(at, all)
		}
	}
	return fields
}

// Some poisons one string of 25, but for those of nodes.
func Some(r *rand.Rand, objects *snapshot.Objects) {
	var poison []func()
	stringsIn(reflect.ValueOf(objects), "", func(path, value string, set func(string)) {
		if r.IntN(25) == 0 && !strings.HasPrefix(path, ".Nodes") {
			all := words(value)
			s := all[r.IntN(len(all))]
			poison = append(poison, func() { set(s) })
		}
	})
	for _, f := range poison {
		f()
	}
}

// stringsIn calls f with each string in v, with its path and a way to change it.
func stringsIn(v reflect.Value, path string, f func(path string, value string, set func(string))) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			stringsIn(v.Elem(), path, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				stringsIn(v.Field(i), path+"."+v.Type().Field(i).Name, f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			stringsIn(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if key.Kind() != reflect.String || v.Type().Elem().Kind() != reflect.String {
				continue
			}
			old := v.MapIndex(key)
			f(path+"{"+key.String()+"}", old.String(), func(s string) { v.SetMapIndex(key, reflect.ValueOf(s).Convert(v.Type().Elem())) })
			f(path+"{key "+key.String()+"}", key.String(), func(s string) {
				v.SetMapIndex(key, reflect.Value{})
				v.SetMapIndex(reflect.ValueOf(s).Convert(v.Type().Key()), old)
			})
		}
	case reflect.String:
		if v.CanSet() {
			f(path, v.String(), v.SetString)
		}
	}
}

// seenMost bounds what a Grammar remembers, while a fuzzer runs for hours.
const seenMost = 100_000

// Grammar is every form of line that may be rendered. It remembers the lines that it has seen, so it is for one test at a time.
type Grammar struct {
	forms *regexp.Regexp
	good  map[string]bool
}

// NewGrammar takes MetalLB's lines, and others. A description and a password are the only free words.
func NewGrammar(others ...string) *Grammar {
	const (
		addr   = `[0-9a-f.:]+`
		word   = `[A-Za-z0-9._@:-]+`
		prefix = `[0-9a-f.:]+/[0-9]+`
		number = `[0-9]+`
		vrf    = `( vrf [A-Za-z0-9._@-]{1,15})?`
	)
	forms := []string{
		`! frr-renderer digest sha256:[0-9a-f]{64}`, `frr defaults traditional`, `log stdout informational`, `log timestamp precision 3`,
		`service integrated-vtysh-config`, ` *!`, `exit`, ` exit`, ` exit-address-family`, `end`, ``, `bgp route-map delay-timer 0`, `ip(v6)? nht resolve-via-default`,
		`route-map ` + word + `-in deny 65535`, `route-map class-[0-9a-f]{8} permit 1`, `route-map out-(all|[0-9a-f]{8}) (permit ` + number + `|deny 65535)`,
		` description [^\x00-\x1f\x7f]+`, ` match tag ` + number, ` set tag ` + number, ` set community [0-9a-zA-Z: -]+`, ` set large-community [0-9: ]+`, ` set local-preference ` + number,
		` set metric ` + number, ` set as-path prepend ` + number + `( ` + number + `){0,9}`, ` bgp graceful-shutdown`, ` neighbor ` + word + ` ttl-security hops ` + number,
		`router bgp ` + number + vrf, ` bgp router-id ` + addr, ` no bgp (ebgp-requires-policy|default ipv4-unicast|network import-check)`, ` coalesce-time 100`,
		` bgp graceful-restart preserve-fw-state`, ` neighbor ` + word + ` (interface )?remote-as (` + number + `|internal|external)`,
		` neighbor ` + word + ` local-as ` + number + ` no-prepend replace-as`, ` neighbor ` + word + ` description [^\x00-\x1f\x7f]+`, ` neighbor ` + word + ` bfd( profile ` + word + `)?`,
		` neighbor ` + word + ` password [^\x00-\x20\x7f]{1,80}`, ` neighbor ` + word + ` port ` + number, ` neighbor ` + word + ` (ebgp-multihop|disable-connected-check|graceful-restart)`,
		` neighbor ` + word + ` update-source ` + addr, ` neighbor ` + word + ` timers (` + number + ` ` + number + `|connect ` + number + `)`,
		` address-family ipv[46] unicast`, `  network ` + prefix + ` route-map class-[0-9a-f]{8}`, `  neighbor ` + word + ` activate`, `  neighbor ` + word + ` route-map ` + word + ` (in|out)`,
		`bfd`, ` profile ` + word, `  (detect-multiplier|transmit-interval|receive-interval|echo transmit-interval|echo receive-interval|minimum-ttl) ` + number, `  (passive-mode|echo-mode)`,
	}
	return &Grammar{regexp.MustCompile(`^(` + strings.Join(append(forms, others...), `|`) + `)$`), map[string]bool{}}
}

// free are the lines in which a user's word may stand as it is.
var free = regexp.MustCompile(`^ (neighbor \S+ )?(description|password) `)

// Obeys fails when a document has a line of no form, or one that a hostile string has altered. at tells where that stands.
func (g *Grammar) Obeys(t testing.TB, at string, document render.Document) {
	t.Helper()
	for line := range strings.Lines(document.Text) {
		if line = strings.TrimSuffix(line, "\n"); g.good[line] {
			continue
		}
		require.Regexp(t, g.forms, line, "%s has made a line that is none of the product's", at)
		if !free.MatchString(line) && strings.Contains(line, Marker) {
			// A name of a BFD profile, VRF or interface is a word of its own charset.
			require.NotRegexp(t, `[^A-Za-z0-9._@:/ -]`, line, "%s stands in a line that it should not alter", at)
		}
		if len(g.good) == seenMost {
			clear(g.good)
		}
		g.good[line] = true
	}
}
