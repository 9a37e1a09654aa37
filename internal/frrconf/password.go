package frrconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"unicode"
	"unicode/utf8"
)

// Redacted is what a Password prints as.
const Redacted = "<redacted>"

// Password is the key of a session's TCP MD5 signature (RFC 2385). It formats, logs and encodes as Redacted; only Reveal gives its value.
//
// The value lies behind a pointer because fmt calls no method of an unexported field: it would print a string, but of a pointer it
// prints the address.
type Password struct{ secret *string }

// MaxPasswordLen is the longest key that Linux takes for TCP MD5 (TCP_MD5SIG_MAXKEYLEN), in bytes.
const MaxPasswordLen = 80

// NewPassword returns s as a Password. FRR's grammar takes a password as one word, so a space anywhere can't be carried, nor can control
// characters; more than MaxPasswordLen bytes can't either. The error never holds the password.
func NewPassword(s string) (Password, error) {
	if s == "" {
		return Password{}, errors.New("the password is empty")
	}
	if len(s) > MaxPasswordLen {
		return Password{}, fmt.Errorf("the password has %d bytes; TCP MD5 takes %d at most", len(s), MaxPasswordLen)
	}
	if !utf8.ValidString(s) {
		return Password{}, errors.New("the password is not UTF-8")
	}
	for _, r := range s {
		if unicode.IsSpace(r) {
			return Password{}, errors.New("the password holds a space, which FRR's configuration can't carry")
		}
		if !unicode.IsPrint(r) {
			return Password{}, errors.New("the password holds a control character, which FRR's configuration can't carry")
		}
	}
	return Password{&s}, nil
}

// Reveal returns the password itself, for the line that goes to FRR and the private file of last good objects.
func (p Password) Reveal() string {
	if p.secret == nil {
		return ""
	}
	return *p.secret
}

// IsZero tells whether no password is set.
func (p Password) IsZero() bool { return p.secret == nil }

// Format implements fmt.Formatter, so that no verb prints the value.
func (p Password) Format(f fmt.State, _ rune) {
	if !p.IsZero() {
		_, _ = f.Write([]byte(Redacted))
	}
}

// LogValue implements slog.LogValuer.
func (p Password) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// MarshalJSON implements json.Marshaler.
func (p Password) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(p)) }
