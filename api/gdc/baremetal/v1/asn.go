package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ASN is an AS number, 1 to 4294967295; 0 where there is none. The documents call it a text and write numbers, so both are read: 65001,
// "65001", and with two parts (RFC 5396, asdot+) "1.10". A number with a dot is none: to YAML, 1.10 is 1.1.
//
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:Format=""
// +kubebuilder:validation:MaxLength=11
// +kubebuilder:validation:Pattern=`^([1-9][0-9]{0,9}|[0-9]{1,5}[.][0-9]{1,5})$`
// +kubebuilder:validation:XValidation:message="an AS number is from 1 to 4294967295",rule="type(self) != int || self >= 1 && self <= 4294967295"
type ASN uint32

// UnmarshalJSON implements json.Unmarshaler.
func (a *ASN) UnmarshalJSON(data []byte) error {
	text := string(data)
	if bytes.HasPrefix(data, []byte(`"`)) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	} else if strings.Contains(text, ".") {
		return fmt.Errorf("%s is no AS number: one with two parts needs quotes", text)
	}
	if text == "null" {
		return nil
	}
	n, err := ParseASN(text)
	if err != nil {
		return err
	}
	*a = n
	return nil
}

// ParseASN reads 65001 or 1.10 (65546). The error names the text.
func ParseASN(text string) (ASN, error) {
	high, low, two := strings.Cut(text, ".")
	bits := 32
	if two {
		bits = 16
	} else {
		high, low = "0", text
	}
	h, err := strconv.ParseUint(high, 10, 16)
	l, err2 := strconv.ParseUint(low, 10, bits)
	if err != nil || err2 != nil || h == 0 && l == 0 {
		return 0, fmt.Errorf("%q is no AS number from 1 to 4294967295", text)
	}
	return ASN(h<<16 | l), nil
}
