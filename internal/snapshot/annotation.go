package snapshot

import "strings"

// AnnotationPrefix begins the names of the annotations that are ours: opt-in settings for which MetalLB's kinds have no field, and whose
// CRDs would prune one (docs/knobs.md). Sources may drop all other annotations.
const AnnotationPrefix = "frr-renderer.io/"

// Annotations are those of an object that are ours, by what follows AnnotationPrefix; nil for none.
func Annotations(all map[string]string) map[string]string {
	var out map[string]string
	for key, value := range all {
		name, ours := strings.CutPrefix(key, AnnotationPrefix)
		if !ours {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}
