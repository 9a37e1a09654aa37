package v1beta2

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Redacted is what a secret prints as, everywhere.
const Redacted = "<redacted>"

// Password is a secret that formats, logs and encodes as Redacted. Only Reveal gives its value: decoding reads it, nothing writes it.
//
// +kubebuilder:validation:Type=string
type Password string

// Reveal returns the secret itself. Call it where the value leaves for FRR or for the private file of last good objects, nowhere else.
func (p Password) Reveal() string { return string(p) }

// Format implements fmt.Formatter, so that no verb prints the value.
func (p Password) Format(f fmt.State, _ rune) {
	if p != "" {
		_, _ = f.Write([]byte(Redacted))
	}
}

// LogValue implements slog.LogValuer.
func (p Password) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// MarshalJSON implements json.Marshaler; YAML encoders of Kubernetes go through it too.
func (p Password) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(p)) }

// UnmarshalJSON implements json.Unmarshaler.
func (p *Password) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*string)(p)) }
