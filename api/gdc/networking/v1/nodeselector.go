package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// NodeSelector is a label selector in one of several shapes: the documents draw it as a list and call it a label selector, and say no more.
// It keeps what was written, so that decoding never fails and an object that is written back is what it was. Selector tells what it means.
type NodeSelector struct {
	// Raw is the JSON as it was written.
	Raw []byte `json:"-"`
}

// MatchLabels is the NodeSelector of nodes that have all these labels.
func MatchLabels(labels map[string]string) *NodeSelector {
	raw, err := json.Marshal(labels)
	if err != nil {
		panic("BUG: a map of strings is not JSON: " + err.Error())
	}
	return &NodeSelector{Raw: raw}
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *NodeSelector) UnmarshalJSON(data []byte) error {
	s.Raw = slices.Clone(data)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s NodeSelector) MarshalJSON() ([]byte, error) {
	if len(s.Raw) == 0 {
		return []byte("null"), nil
	}
	return s.Raw, nil
}

// Selector is what the shapes have in common: conditions that a node's labels must all meet. A nil or empty NodeSelector matches every node.
// The error tells what can't be read as a selector, and holds nothing that must be kept secret.
func (s *NodeSelector) Selector() (labels.Selector, error) {
	if s == nil || len(s.Raw) == 0 {
		return labels.Everything(), nil
	}
	var value any
	if err := json.Unmarshal(s.Raw, &value); err != nil {
		return nil, errors.New("not JSON")
	}
	all, err := requirementsOf(value)
	if err != nil {
		return nil, err
	}
	return labels.NewSelector().Add(all...), nil
}

func requirementsOf(value any) (labels.Requirements, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return requirementsOfText(v)
	case map[string]any:
		return requirementsOfMap(v)
	case []any:
		var all labels.Requirements
		for i, element := range v {
			if _, list := element.([]any); list {
				return nil, fmt.Errorf("entry %d is a list, where labels or a text such as key=value belong", i+1)
			}
			some, err := requirementsOf(element)
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", i+1, err)
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return nil, fmt.Errorf("%v is neither labels nor a text such as key=value", value)
}

// requirementsOfText reads what "kubectl get --selector" takes, but for comparisons of numbers, which no label selector of an object knows.
func requirementsOfText(text string) (labels.Requirements, error) {
	all, err := labels.ParseToRequirements(text)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Operator() == selection.GreaterThan || r.Operator() == selection.LessThan {
			return nil, fmt.Errorf("%q compares numbers; use =, !=, in, notin, key or !key", text)
		}
	}
	return all, nil
}

// valueOf is the value of a label. Quotes mend what is no text but a number, true or false.
func valueOf(name string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case []any, map[string]any:
		return "", fmt.Errorf("%q has a list or a mapping where the value of a label belongs, which is one text; write several values as matchExpressions, or as the text %q", name, name+" in (a,b)")
	}
	return "", fmt.Errorf("the value of label %q is no text; put it in quotes", name)
}

func requirementsOfMap(fields map[string]any) (labels.Requirements, error) {
	_, byLabels := fields["matchLabels"]
	_, byExpressions := fields["matchExpressions"]
	if byLabels || byExpressions {
		return requirementsOfSelector(fields)
	}
	_, key := fields["key"]
	if _, operator := fields["operator"]; key && operator {
		return requirementsOfSelector(map[string]any{"matchExpressions": []any{fields}})
	}
	var all labels.Requirements
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text, err := valueOf(name, fields[name])
		if err != nil {
			return nil, err
		}
		r, err := labels.NewRequirement(name, selection.Equals, []string{text})
		if err != nil {
			return nil, err
		}
		all = append(all, *r)
	}
	return all, nil
}

func requirementsOfSelector(fields map[string]any) (labels.Requirements, error) {
	for name := range fields {
		if name != "matchLabels" && name != "matchExpressions" {
			return nil, fmt.Errorf("%q stands beside matchLabels or matchExpressions; put labels into matchLabels", name)
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("BUG: what was JSON is none: %w", err)
	}
	form := &metav1.LabelSelector{}
	if err := json.Unmarshal(data, form); err != nil {
		return nil, errors.New("matchLabels is a map of texts, matchExpressions a list of key, operator and values; put numbers, true and false in quotes")
	}
	selector, err := metav1.LabelSelectorAsSelector(form)
	if err != nil {
		return nil, err
	}
	all, _ := selector.Requirements() // an empty one matches everything: no requirement
	return all, nil
}
