package vtysh

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// forEach tells that lines for all daemons need no table of who takes what: each daemon has a log.
func forEach(blocks []Block) bool {
	for _, b := range blocks {
		for _, l := range b.Lines {
			if len(b.Context) > 0 || !strings.HasPrefix(strings.TrimPrefix(l.Reveal(), "no "), "log ") {
				return false
			}
		}
	}
	return true
}

// configureAll runs lines that are forEach in each daemon that runs. What one of them refuses is refused.
func (s *Socket) configureAll(ctx context.Context, blocks []Block) ([]Reply, error) {
	if !forEach(blocks) {
		return nil, errors.New("lines that only some daemons take need vtysh, and no socket: --vtysh=auto or exec")
	}
	daemons, err := s.Daemons(ctx)
	if err != nil {
		return nil, err
	}
	var out []Reply
	for _, d := range daemons {
		if d == "watchfrr" {
			continue
		}
		replies, err := s.Configure(ctx, d, blocks)
		if errors.Is(err, ErrInterrupted) { // the lines are for a daemon that was started anew as well
			replies, err = s.Configure(ctx, d, blocks)
		}
		if errors.Is(err, ErrNotRunning) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, r := range replies {
			if len(out) == i {
				out = append(out, r)
			} else if r.Refused() {
				out[i] = r
			}
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%w: no daemon answers in %s", ErrNotRunning, s.dir)
	}
	return out, nil
}
