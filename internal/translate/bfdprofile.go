package translate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// profiles are the BFDProfiles of the cluster: those that can be used, and the names of those that can't.
type profiles struct {
	usable map[string]v1beta1.BFDProfileSpec
	broken map[string]bool
}

func (t *translation) bfdProfiles() profiles {
	out := profiles{usable: map[string]v1beta1.BFDProfileSpec{}, broken: map[string]bool{}}
	for _, p := range t.snap.BFDProfiles {
		_, found := newBFDProfile(p.Name, p.Spec)
		t.report(problem.Object{Kind: "BFDProfile", Group: groupMetalLB, Namespace: p.Namespace, Name: p.Name}, found,
			"peers that used it keep its last good values, others are left out")
		if found.refused() {
			out.broken[p.Name] = true
			continue
		}
		out.usable[p.Name] = p.Spec
	}
	return out
}

// newBFDProfile checks a profile. FRR does not print its defaults, so a value equal to one is as good as left out.
func newBFDProfile(name string, spec v1beta1.BFDProfileSpec) (frrconf.BFDProfile, issues) {
	var found issues
	n, err := frrconf.NewName(name)
	if err != nil {
		found.refuse("metadata.name", problem.InvalidValue, err.Error())
	}
	number := func(field string, v *uint32, low, high, standard uint32) uint32 {
		switch {
		case v == nil:
			return 0
		case *v < low || *v > high:
			found.refuse("spec."+field, problem.InvalidValue, fmt.Sprintf("%d is out of range: %d to %d", *v, low, high))
			return 0
		case *v == standard:
			return 0
		}
		return *v
	}
	echo := number("echoInterval", spec.EchoInterval, 10, 60000, frrconf.DefaultEchoInterval)
	return frrconf.BFDProfile{
		Name:             n,
		DetectMultiplier: number("detectMultiplier", spec.DetectMultiplier, 2, 255, frrconf.DefaultDetectMultiplier),
		TransmitInterval: number("transmitInterval", spec.TransmitInterval, 10, 60000, frrconf.DefaultInterval),
		ReceiveInterval:  number("receiveInterval", spec.ReceiveInterval, 10, 60000, frrconf.DefaultInterval),
		PassiveMode:      spec.PassiveMode != nil && *spec.PassiveMode,
		EchoMode:         spec.EchoMode != nil && *spec.EchoMode,
		EchoTransmit:     echo,
		EchoReceive:      echo,
		MinimumTTL:       number("minimumTtl", spec.MinimumTTL, 1, 254, frrconf.DefaultMinimumTTL),
	}, found
}

// profilesInUse are the profiles of the node's neighbors, by name: as they are now, or as they last were good.
func profilesInUse(peers []peer, known profiles) []frrconf.BFDProfile {
	byName := map[string]frrconf.BFDProfile{}
	for _, p := range peers {
		if p.bfd == nil {
			continue
		}
		name := p.bfd.Name.String()
		byName[name] = *p.bfd
		if spec, ok := known.usable[name]; ok {
			byName[name], _ = newBFDProfile(name, spec)
		}
	}
	out := make([]frrconf.BFDProfile, 0, len(byName))
	for _, p := range byName {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b frrconf.BFDProfile) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return out
}
