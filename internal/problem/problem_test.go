package problem

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Whoever may name an object or write a field decides what stands in a message, and others read it in a terminal.
func TestWhatIsShownStaysOnItsLineAndInItsOrder(t *testing.T) {
	for _, r := range []rune{
		0, '\a', '\t', '\n', '\r', 0x1b, 0x7f, 0x80, 0x85, 0x9b, 0x9f, '\u2028', '\u2029', '\u202a', '\u202c', '\u202e', '\u2066', '\u2068', '\u2069',
	} {
		require.Equal(t, "a\ufffdb", OneLine("a"+string(r)+"b"), "%U", r)
	}
	for _, s := range []string{"", "plain text", "10.0.0.1/32 ~", "é 漢 \u00a0 \u2027 \u202f \u2065 \u206a"} {
		require.Equal(t, s, OneLine(s))
	}
	require.True(t, utf8.ValidString(OneLine("bad \xff\xfe\xe2\x80")))
	hostile := Problem{Severity: Error, Object: Object{Kind: "Service", Name: "a\u202eb\n"}, Field: "c\x1b", Message: "d\u2066e\n", Reason: "F"}
	require.Equal(t, "error Service -/a\ufffdb\ufffd c\ufffd: d\ufffde\ufffd (F)", hostile.String())
}
