package vtysh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FRR's northbound commits every line on its own, in time that grows with the configuration; between these two it commits them together.
const (
	begin Line = "XFRR_start_configuration"
	end   Line = "XFRR_end_configuration"
)

// finishTime is how long the end marker of a transaction that was left may take.
const finishTime = 5 * time.Second

// configure runs blocks, neighbouring ones that are Bulk as one transaction.
func (c *conn) configure(daemon Daemon, blocks []Block) ([]Reply, error) {
	entered, err := c.enter([]Line{"configure terminal"})
	if err != nil || entered.Refused() {
		return nil, errors.Join(err, refusal(daemon, "configure terminal", entered))
	}
	if !c.settled && daemon != Mgmtd {
		// A client that was killed may have left a transaction, whose end nobody else tells.
		if _, err := c.enter([]Line{end}); err != nil {
			return nil, err
		}
		c.settled = true
	}
	var out []Reply
	for len(blocks) > 0 {
		n, run := 1, c.blocks
		if blocks[0].Bulk && daemon != Mgmtd {
			for run = c.bulk; n < len(blocks) && blocks[n].Bulk; n++ {
			}
		}
		replies, err := run(blocks[:n])
		if err != nil {
			return nil, err
		}
		out, blocks = append(out, replies...), blocks[n:]
	}
	_, err = c.enter([]Line{"end"})
	return out, err
}

// blocks enters each block and runs its lines. It begins and ends in configuration.
func (c *conn) blocks(blocks []Block) ([]Reply, error) {
	var out []Reply
	for _, b := range blocks {
		entered, err := c.enter(b.Context)
		if err != nil {
			return nil, err
		}
		if !entered.Refused() {
			replies, err := c.ask(b.Lines, false)
			if err != nil {
				return nil, err
			}
			out = append(out, replies...)
			continue
		}
		for range b.Lines {
			out = append(out, entered)
		}
		// Where this stands is unknown. In a transaction, leaving configuration would commit; there the next block begins at the top.
		if !c.transaction {
			if _, err := c.enter([]Line{"end", "configure terminal"}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// bulk runs blocks as one transaction. FRR takes it as a whole or not at all: in the second case halves are tried, until what it
// refuses is alone.
func (c *conn) bulk(blocks []Block) ([]Reply, error) {
	one := len(blocks) == 1 && len(blocks[0].Lines) <= 1
	if one && len(blocks[0].Context) == 0 {
		return c.blocks(blocks)
	}
	begun, err := c.enter([]Line{begin})
	if err != nil {
		return nil, err
	}
	if begun.Refused() {
		return c.blocks(blocks)
	}
	c.transaction = true
	replies, err := c.blocks(blocks)
	if err != nil {
		return nil, err
	}
	ended, err := c.enter([]Line{end})
	if err != nil {
		return nil, err
	}
	c.transaction = false
	if !rejected(append(replies, ended)) {
		return replies, nil
	}
	if one {
		return c.blocks(blocks)
	}
	first, second := halves(blocks)
	if replies, err = c.bulk(first); err != nil {
		return nil, err
	}
	more, err := c.bulk(second)
	return append(replies, more...), err
}

// rejected tells whether FRR has refused what was to be committed: it says so beside the line that made it commit, and calls that a success.
func rejected(replies []Reply) bool {
	for _, r := range replies {
		if r.Status == OK && strings.Contains(r.Text, "% Configuration failed") {
			return true
		}
	}
	return false
}

// halves divides blocks, or the lines of a single one. The line that makes an entry stays with those that say what it is for, as long as there is
// anything else: on its own it is for everything.
func halves(blocks []Block) (first, second []Block) {
	if n := len(blocks); n > 1 {
		half := n / 2
		before := blocks[half-1]
		lines := len(before.Lines) - 1
		switch {
		case !blocks[half].follows(before):
		case lines > 0:
			rest, last := before, before
			rest.Lines, last.Lines = before.Lines[:lines], before.Lines[lines:]
			return slices.Concat(blocks[:half-1], []Block{rest}), slices.Concat([]Block{last}, blocks[half:])
		case half > 1:
			half--
		case n > 2:
			half++
		}
		return blocks[:half], blocks[half:]
	}
	a, b := blocks[0], blocks[0]
	n := len(a.Lines) / 2
	a.Lines, b.Lines = a.Lines[:n], b.Lines[n:]
	return []Block{a}, []Block{b}
}

// finish ends the transaction that a broken connection has left: until then, for up to ten minutes, bgpd starts no new neighbor.
func (s *Socket) finish(ctx context.Context, daemon Daemon) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	_, err := s.retry(ctx, daemon, func(c *conn) ([]Reply, error) { return c.ask([]Line{"configure terminal", end, "end"}, false) })
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return fmt.Errorf("a transaction was left open, and %s may hold new neighbors back for 10 minutes: %w", daemon, err)
	}
	return nil
}

// follows tells that a block begins where the last line of the one before has led to.
func (b Block) follows(before Block) bool {
	n := len(before.Lines)
	return len(before.Context) == 0 && len(b.Context) == 1 && n > 0 && before.Lines[n-1] == b.Context[0]
}
