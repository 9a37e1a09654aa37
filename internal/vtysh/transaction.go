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

// bulk runs blocks as one transaction. FRR takes it as a whole or not at all: in the second case parts are tried, until what it
// refuses is alone.
func (c *conn) bulk(blocks []Block) ([]Reply, error) {
	items := itemsOf(blocks)
	if len(items) <= 1 && len(blocks[0].Context) == 0 {
		return c.blocks(blocks)
	}
	before, after := []Line{begin}, []Line{end}
	if sealable(blocks) {
		before, after = []Line{begin, seal}, []Line{unseal, end}
	}
	begun, err := c.ask(before, false)
	if err != nil {
		return nil, err
	}
	if begun[0].Refused() {
		return c.blocks(blocks)
	}
	c.transaction = true
	replies, err := c.blocks(blocks)
	if err != nil {
		return nil, err
	}
	ended, err := c.ask(after, false)
	if err != nil {
		return nil, err
	}
	c.transaction = false
	why := rejected(slices.Concat(replies, ended))
	if why == "" {
		return replies, nil
	}
	n := cut(items)
	if n == 0 {
		for i, r := range replies {
			if r.Status == OK {
				replies[i] = Reply{ConfigFailed, why}
			}
		}
		return replies, nil
	}
	if replies, err = c.bulk(blocksOf(items[:n])); err != nil {
		return nil, err
	}
	more, err := c.bulk(blocksOf(items[n:]))
	return append(replies, more...), err
}

// rejected tells why FRR has refused what was to be committed, empty where it has not: it says so beside the line that made it commit, and calls that a
// success.
func rejected(replies []Reply) string {
	for _, r := range replies {
		if r.Status == OK && strings.Contains(r.Text, "% Configuration failed") {
			return r.Text
		}
	}
	return ""
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
