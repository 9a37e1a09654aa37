package agent

import (
	"runtime/debug"
	"sync"
)

// restingPercent is how far the heap may grow over what lives, in percent, until it is collected while an agent only looks for drift. Go's own
// is 100: an agent that works pays with memory for time.
const restingPercent = 20

// workingPercent is what the environment has set (GOGC), or Go.
var workingPercent = sync.OnceValue(func() int {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent
})

// rest gives back to the machine what the turns before have taken, once nothing is left to do.
func (a *Agent) rest() {
	if a.resting {
		return
	}
	a.resting = true
	if percent := workingPercent(); percent > restingPercent {
		debug.SetGCPercent(restingPercent)
	}
	debug.FreeOSMemory()
}

// wake lets a turn take what it needs.
func (a *Agent) wake() {
	if a.resting {
		a.resting = false
		debug.SetGCPercent(workingPercent())
	}
}
