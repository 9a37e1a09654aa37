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
	return CallWaiting(ctx, e.client, plan.Resets())
}

// CallWaiting has bgpd start the sessions of neighbors, named as in plans, within a second where it would wait for longer. It returns what it sent; what bgpd does
// not answer is left.
func CallWaiting(ctx context.Context, client vtysh.Client, neighbors []string) []Command {
	if len(neighbors) == 0 {
		return nil
	}
	instances, err := neighborsOf(ctx, client)
	if err != nil {
		return nil
	}
	var called []Command
	for _, named := range neighbors {
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
		if _, err := client.Run(ctx, c.Daemon, c.Line.Reveal()); err == nil {
			called = append(called, c)
		}
	}
	return called
}

// callWith sends the line that has bgpd call a new neighbor, and those that give it its families, as one block: bgpd reads it in one go, and the families are there
// when the router is told of them, however fast that answers. It returns how many commands these were. Where FRR refuses another line of it they are not sent.
func (e *Engine) callWith(ctx context.Context, commands []Command, broken map[string]bool) ([]Refused, int, error) {
	first := commands[0]
	n := 1
	for n < len(commands) && commands[n].Completes && commands[n].Of == first.Of && len(commands[n].Context) == len(first.Context)+1 {
		n++
	}
	if broken[first.Of] {
		var out []Refused
		for _, c := range commands[:n] {
			out = append(out, Refused{Command: c, Reply: "not sent, since FRR refuses another line of it"})
		}
		return out, n, nil
	}
	block, at := vtysh.Block{Context: first.Context, Lines: []vtysh.Line{first.Line}}, []int{0}
	for _, c := range commands[1:n] {
		at = append(at, len(block.Lines)+1)
		block.Lines = append(block.Lines, c.Context[len(c.Context)-1], c.Line, "exit-address-family")
	}
	replies, err := e.client.Configure(ctx, first.Daemon, []vtysh.Block{block})
	if err != nil {
		return nil, n, err
	}
	var out []Refused
	for i, c := range commands[:n] {
		if r := replies[at[i]]; r.Refused() {
			out = append(out, Refused{Command: c, Reply: r.Text})
		}
	}
	return out, n, nil
}
