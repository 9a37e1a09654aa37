package nodereport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// The types of a NetworkGatewayNode's conditions, and their reasons.
const (
	// Healthy tells whether the node can hold floating IPs at all.
	Healthy = "Healthy"
	// Settled tells whether the node holds all floating IPs that it is to hold, nobody else does, and it refuses none. It is not there where there are none.
	Settled = "Settled"

	reasonHealthy    = "Healthy"
	reasonNotHealthy = "NotHealthy"
	reasonHeld       = "Held"
	reasonProbing    = "Probing"
	reasonConflict   = "Conflict"
	reasonNotHeld    = "NotHeld"
	reasonRefused    = "Refused"
	reasonAmiss      = "Amiss"
)

// messageLength is well below what the API server takes; refusalLength is what the definition of NetworkGatewayNode has for each floating IP.
const messageLength, refusalLength = 4096, 1024

// nodeStatus is what a Report says of the node. Conditions that others wrote stay, and those that are as before keep their times.
func nodeStatus(r Report, before []metav1.Condition) networking.NetworkGatewayNodeStatus {
	out := networking.NetworkGatewayNodeStatus{State: networking.GatewayUp, Subnets: subnets(r.Subnets), FloatingIPs: floatingIPs(r.Floating), Conditions: slices.Clone(before)}
	healthy := metav1.Condition{Type: Healthy, Status: metav1.ConditionTrue, Reason: reasonHealthy}
	if r.Unwell != "" {
		out.State = networking.GatewayNotHealthy
		healthy.Status, healthy.Reason, healthy.Message = metav1.ConditionFalse, reasonNotHealthy, message(r.Unwell)
	}
	meta.SetStatusCondition(&out.Conditions, healthy)
	if len(r.Floating) == 0 {
		meta.RemoveStatusCondition(&out.Conditions, Settled)
		return out
	}
	meta.SetStatusCondition(&out.Conditions, settled(r.Floating))
	return out
}

func subnets(all []Subnet) []networking.NodeSubnet {
	var out []networking.NodeSubnet
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Subnet) int {
		return cmp.Or(a.Address.Masked().Compare(b.Address.Masked()), a.Address.Addr().Compare(b.Address.Addr()), strings.Compare(a.Interface, b.Interface))
	})
	for _, s := range slices.Compact(sorted) {
		out = append(out, networking.NodeSubnet{Interface: s.Interface, Prefix: s.Address.Masked().String(), Address: s.Address.Addr().String()})
	}
	return out
}

// byAddress is the floating IPs sorted, each once: the API server takes no address twice.
func byAddress(all []FloatingIP) []FloatingIP {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b FloatingIP) int { return a.Address.Compare(b.Address) })
	return slices.CompactFunc(sorted, func(a, b FloatingIP) bool { return a.Address == b.Address })
}

func floatingIPs(all []FloatingIP) []networking.NodeFloatingIP {
	var out []networking.NodeFloatingIP
	for _, f := range byAddress(all) {
		if f.State == "" {
			continue
		}
		one := networking.NodeFloatingIP{Address: f.Address.String(), State: f.State, ConflictMAC: f.MAC}
		if f.State == networking.FloatingIPRefused {
			one.Message = fit(f.Reason, refusalLength)
		}
		out = append(out, one)
	}
	return out
}

// settled sums up what became of the floating IPs. The worst gives the reason: that nobody holds one, that one can't be held, that another host does, that
// something is amiss.
func settled(all []FloatingIP) metav1.Condition {
	var texts []string
	reasons := map[string]bool{}
	for _, f := range byAddress(all) {
		reasons[reasonOf(f)] = true
		if text := textOf(f); text != "" {
			texts = append(texts, fmt.Sprintf("%s: %s", f.Address, text))
		}
	}
	out := metav1.Condition{Type: Settled, Status: metav1.ConditionFalse, Message: message(strings.Join(texts, "; "))}
	for _, reason := range []string{reasonNotHeld, reasonRefused, reasonConflict, reasonAmiss, reasonProbing} {
		if reasons[reason] {
			out.Reason = reason
			return out
		}
	}
	out.Status, out.Reason = metav1.ConditionTrue, reasonHeld
	return out
}

func reasonOf(f FloatingIP) string {
	switch {
	case f.State == networking.FloatingIPConflict:
		return reasonConflict
	case f.State == networking.FloatingIPProbing:
		return reasonProbing
	case f.State == "":
		return reasonNotHeld
	case f.State == networking.FloatingIPRefused:
		return reasonRefused
	case f.Reason != "" || f.MAC != "":
		return reasonAmiss
	}
	return reasonHeld
}

func textOf(f FloatingIP) string {
	if f.Reason == "" && f.MAC != "" {
		return "the host with the hardware address " + f.MAC + " answers for it"
	}
	return f.Reason
}

// message makes a text fit for a field that people read.
func message(text string) string { return fit(text, messageLength) }

func fit(text string, most int) string {
	text = problem.OneLine(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-4], "") + " ..."
	}
	return text
}

// nodeDifference tells whether what is told has to be written soon.
func nodeDifference(told, is networking.NetworkGatewayNodeStatus) difference {
	sameConditions := func(texts bool) bool {
		return slices.EqualFunc(told.Conditions, is.Conditions, func(a, b metav1.Condition) bool {
			return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason && (!texts || a.Message == b.Message)
		})
	}
	sameFloating := func(texts bool) bool {
		return slices.EqualFunc(told.FloatingIPs, is.FloatingIPs, func(a, b networking.NodeFloatingIP) bool {
			return a == b || !texts && a.Address == b.Address && a.State == b.State && a.ConflictMAC == b.ConflictMAC
		})
	}
	switch {
	case told.State != is.State || !slices.Equal(told.Subnets, is.Subnets) || !sameFloating(false) || !sameConditions(false):
		return matters
	case !sameFloating(true) || !sameConditions(true):
		return detail
	}
	return same
}
