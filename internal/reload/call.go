package reload

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// patienceAtFirst is how long bgpd waits at most until it starts the session of a neighbor that is new, or that was Established.
const patienceAtFirst = time.Second

// call has bgpd start the sessions at once that a plan was to reset and for which bgpd would wait longer than for a new neighbor's: it doubles that
// time with each failure, up to two minutes, and forgets it neither when another AS number or password is configured nor when the router is mended. A
// neighbor that waits has no session to lose. The commands that it returns were sent. What bgpd does not answer is left: the plan was applied.
func (e *Engine) call(ctx context.Context, plan Plan) []Command {
	resets := plan.Resets()
	if len(resets) == 0 {
		return nil
	}
	instances, err := neighborsOf(ctx, e.client)
	if err != nil {
		return nil
	}
	var called []Command
	for _, named := range resets {
		id, in := split(named)
		_, name := Session(named)
		var n struct{ NextStartTimerDueInMsecs int64 }
		if json.Unmarshal(instances[name][id], &n) != nil {
			continue // it has gone, or it is a group or a range
		}
		wait := time.Duration(n.NextStartTimerDueInMsecs) * time.Millisecond
		if wait <= patienceAtFirst {
			continue
		}
		c := Command{
			Daemon: vtysh.BGPD, Exec: true, Effect: None, Neighbors: []string{named}, Line: clearBGP(in, id),
			Note: fmt.Sprintf("after failures bgpd would wait %s more", wait.Round(time.Second)),
		}
		if _, err := e.client.Run(ctx, c.Daemon, c.Line.Reveal()); err == nil {
			called = append(called, c)
		}
	}
	return called
}
