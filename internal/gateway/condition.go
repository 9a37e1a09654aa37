package gateway

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Types of conditions.
const (
	// Accepted: all of the object is used. False: something of it is left out.
	Accepted = "Accepted"
	// Assigned of a NetworkGatewayGroup: each floating IP has a node, of which there is a sign of life, and which does not refuse it. Its message also tells of nodes
	// that refuse one that is elsewhere.
	Assigned = "Assigned"
	// Redundant of a NetworkGatewayGroup with two floating IPs or more is there only while it is False: one node has them all.
	Redundant = "Redundant"
	// PeersFound of a BGPLoadBalancer: it selects BGPPeers that can be used.
	PeersFound = "PeersFound"
	// SessionsAssigned of a BGPPeer: there are as many sessions as it asks for.
	SessionsAssigned = "SessionsAssigned"
)

// Condition is what an object's status shall say. Generation and times are for whoever writes it.
type Condition struct {
	Object  problem.Object
	Type    string
	Status  metav1.ConditionStatus
	Reason  string
	Message string
}

// mark is a condition beside Accepted, as the decisions come to it.
type mark Condition

// mark notes a condition. It is true where reason is empty.
func (a *assigner) mark(o problem.Object, kind string, reason problem.Reason, message string) {
	status := metav1.ConditionFalse
	if reason == "" {
		status, reason = metav1.ConditionTrue, problem.Reason(kind)
	}
	a.marks = append(a.marks, mark{Object: o, Type: kind, Status: status, Reason: string(reason), Message: short(message)})
}

// conditions are those of all objects that have conditions, sorted.
func (a *assigner) conditions() []Condition {
	first := map[problem.Object]*problem.Problem{}
	for i := range a.problems {
		p := &a.problems[i]
		if was := first[p.Object]; p.Severity == problem.Error && (was == nil || p.Field < was.Field) {
			first[p.Object] = p
		}
	}
	var out []Condition
	a.eachObject(func(o problem.Object) { out = append(out, accepted(o, first[o])) })
	for _, m := range a.marks {
		out = append(out, Condition(m))
	}
	slices.SortStableFunc(out, func(x, y Condition) int {
		return cmp.Or(cmp.Compare(x.Object.Kind, y.Object.Kind), cmp.Compare(x.Object.Namespace, y.Object.Namespace),
			cmp.Compare(x.Object.Name, y.Object.Name), cmp.Compare(x.Type, y.Type))
	})
	return out
}

// accepted is the condition of an object and the first of its errors by field, nil where there is none.
func accepted(o problem.Object, err *problem.Problem) Condition {
	out := Condition{Object: o, Type: Accepted, Status: metav1.ConditionTrue, Reason: Accepted}
	if err == nil {
		return out
	}
	out.Status, out.Reason, out.Message = metav1.ConditionFalse, string(err.Reason), err.Message
	if err.Field != "" {
		out.Message = err.Field + ": " + err.Message
	}
	return out
}
