package faults

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// large is so many Services of a class of their own.
func large(n int) string {
	var b strings.Builder
	b.WriteString(pool("large", "198.18.0.0/15") + adv("large", `ipAddressPools: [large], communities: ["64500:11"]`))
	for i := range n {
		b.WriteString(service(fmt.Sprint("large", i), fmt.Sprintf("198.18.%d.%d", i>>8, i&255)))
	}
	return b.String()
}

// The faults of small applies, at points of one that has hundreds of lines.
func TestFaultsAtPointsOfALargeApply(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.after += large(400)
		turn := 0
		var mend func()
		l.atPoints(12, func() {
			switch turn++; turn % 3 {
			case 0:
				l.cut()
				mend = l.settleDown
			case 1:
				l.kill("bgpd")
				mend = func() { l.start("bgpd") }
			case 2:
				l.end(unix.SIGKILL)
				l.cut()
				mend = func() { l.settleDown(); l.run() }
			}
		}, func() { mend() })
	})
}
