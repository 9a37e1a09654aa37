package reload

import (
	"context"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// takeOut removes the entries of route-maps that FRR has refused a condition of: without it they would be for all routes, to deny those of every entry behind
// them, or to permit what is nobody's. It returns what was refused with all lines of these entries, in the order of the plan.
func (e *Engine) takeOut(ctx context.Context, plan Plan, refused []Refused) ([]Refused, error) {
	unfit := map[string]bool{}
	for _, r := range refused {
		of := r.Command.Of
		if unfit[of] || !r.Command.Filter || !conditional([]string{r.Command.Line.Reveal()}) {
			continue
		}
		unfit[of] = true
		// What it says does not matter: where the entry could not even be entered there is none.
		if _, err := e.client.Configure(ctx, r.Command.Daemon, []vtysh.Block{{Lines: []vtysh.Line{vtysh.Line("no " + of)}}}); err != nil {
			return refused, err
		}
	}
	if len(unfit) == 0 {
		return refused, nil
	}
	var out []Refused
	for _, c := range plan.Commands {
		switch {
		case len(refused) > 0 && sameCommand(refused[0].Command, c):
			out, refused = append(out, refused[0]), refused[1:]
		case c.Filter && unfit[c.Of]:
			out = append(out, Refused{Command: c, Reply: "taken back, since FRR refuses a condition of " + strings.TrimPrefix(c.Of, "route-map "), Follows: true})
		}
	}
	return append(out, refused...), nil
}
