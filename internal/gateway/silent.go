package gateway

import "strings"

// silent tells of floating IPs of the group that stay on a node without a sign of life, since no other can take them: most likely nobody holds them. Empty:
// there is none.
func (g *group) silent() string {
	var out []string
	for _, f := range g.list {
		if f.silence != "" {
			out = append(out, f.silence)
		}
	}
	return strings.Join(out, "; ")
}
