package manager

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// unreadObjects are those that people write and that can't be read.
type unreadObjects struct {
	// without have no form from before. A Cluster that comes after something was decided without it is not among them: it changes nothing until it can be read.
	without []problem.Object
	// stale are those that are used as they were. Nothing is written to them: the version that it would be for is gone.
	stale    map[problem.Object]bool
	problems []problem.Problem
}

func (m *Manager) unread() unreadObjects {
	out := unreadObjects{stale: map[problem.Object]bool{}}
	for kind, group := range map[string]string{
		clusterKind: baremetal.GroupVersion.Group, groupKind: networking.GroupVersion.Group, loadBalancerKind: networking.GroupVersion.Group, peerKind: networking.GroupVersion.Group,
	} {
		for _, u := range m.store.unreadOf(kind) {
			o := problem.Object{Kind: kind, Group: group, Namespace: u.Namespace, Name: u.Name}
			out.problems = append(out.problems, unreadable(o, u))
			switch {
			case u.kept:
				out.stale[o] = true
			case kind != clusterKind || !m.sure:
				out.without = append(out.without, o)
			}
		}
	}
	return out
}

// unreadable is the problem of an object that can't be read.
func unreadable(o problem.Object, u unreadOne) problem.Problem {
	out := problem.Problem{Severity: problem.Error, Object: o, Reason: problem.Malformed, Message: strings.TrimPrefix(u.why.Error(), "json: ")}
	var other *json.UnmarshalTypeError
	if errors.As(u.why, &other) {
		what, _, _ := strings.Cut(other.Value, " ") // never the value itself
		out.Field, out.Reason, out.Message = other.Field, problem.WrongType, fmt.Sprintf("a JSON %s does not go there", what)
	}
	switch {
	case u.kept && o.Kind == groupKind:
		out.Message += "; the object's last form stays in use until it is mended, and its floating IPs stay where they are"
	case u.kept:
		out.Message += "; the object's last form stays in use until it is mended"
	default:
		out.Message += "; the object is left out until it is mended, and what works by it stays"
	}
	return out
}
