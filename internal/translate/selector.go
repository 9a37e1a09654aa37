package translate

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// selectorError tells which of several selectors can't be read.
type selectorError struct {
	at  string
	err error
}

func (e *selectorError) Error() string { return e.err.Error() }

// selects tells whether any of the selectors matches; none at all match everything.
func selects(selectors []metav1.LabelSelector, set map[string]string) (bool, *selectorError) {
	matched := len(selectors) == 0
	for i := range selectors {
		s, err := metav1.LabelSelectorAsSelector(&selectors[i])
		if err != nil {
			return false, &selectorError{fmt.Sprintf("[%d]", i), err}
		}
		matched = matched || s.Matches(labels.Set(set))
	}
	return matched, nil
}

// warnDuplicates names list entries that repeat an earlier one; they change nothing.
func warnDuplicates[E any](found *issues, field string, list []E) {
	for i := range list {
		for j := range i {
			if reflect.DeepEqual(list[i], list[j]) {
				found.warn(fmt.Sprintf("%s[%d]", field, i), problem.DuplicateEntry, fmt.Sprintf("the same as entry %d; take it out", j))
				break
			}
		}
	}
}
