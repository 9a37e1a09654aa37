package gobgp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Codes of NOTIFICATIONs that we send (RFC 4271 section 4.5).
const (
	openError       = 2
	badPeerAS       = 2
	holdTimeExpired = 4
	cease           = 6
	adminShutdown   = 2
	adminReset      = 4
)

// connection is one TCP connection on its way to be, or being, a session.
type connection struct {
	net.Conn
	in      *bufio.Reader
	options *bgp.MarshallingOption // as negotiated
	hold    time.Duration
	write   sync.Mutex
}

// session speaks BGP on one connection until that ends.
func (p *Peer) session(ctx context.Context, conn net.Conn) {
	c := &connection{Conn: conn, in: bufio.NewReaderSize(conn, 1<<20), options: &bgp.MarshallingOption{}}
	ended := make(chan struct{})
	defer close(ended)
	defer conn.Close()
	go func() {
		select {
		case <-ctx.Done():
			p.notify(c, cease, adminShutdown, nil)
			conn.Close()
		case <-ended:
		}
	}()
	err := p.open(c)
	if err == nil {
		go c.keepAlive(ended)
		err = p.established(c)
	}
	p.note(func() {
		p.lastErr = err
		if p.conn == c {
			p.conn = nil
			clear(p.table)
		}
	})
}

// open exchanges OPENs and the first KEEPALIVEs.
func (p *Peer) open(c *connection) error {
	c.SetReadDeadline(time.Now().Add(p.Config.HoldTime))
	ours, err := p.Config.open()
	if err != nil {
		return err
	}
	if err := c.send(ours); err != nil {
		return err
	}
	msg, _, err := c.receive()
	if err != nil {
		return err
	}
	body, ok := msg.Body.(*bgp.BGPOpen)
	if !ok {
		return p.unexpected(msg)
	}
	theirs := parseOpen(body)
	p.note(func() { p.opens = append(p.opens, theirs) })
	if want := p.Config.NeighborAS; want != 0 && theirs.AS != want {
		p.notify(c, openError, badPeerAS, nil)
		return fmt.Errorf("neighbor %s is in AS %d, not %d", p.Config.Neighbor, theirs.AS, want)
	}
	p.Config.negotiate(c, theirs)
	if err := c.send(bgp.NewBGPKeepAliveMessage()); err != nil {
		return err
	}
	msg, _, err = c.receive()
	if err != nil {
		return err
	}
	if msg.Header.Type != bgp.BGP_MSG_KEEPALIVE {
		return p.unexpected(msg)
	}
	p.note(func() {
		p.conn = c
		p.sessions++
		clear(p.table)
	})
	return nil
}

// unexpected records a NOTIFICATION and makes an error of anything.
func (p *Peer) unexpected(msg *bgp.BGPMessage) error {
	n, ok := msg.Body.(*bgp.BGPNotification)
	if !ok {
		return fmt.Errorf("neighbor %s sent a message of type %d instead", p.Config.Neighbor, msg.Header.Type)
	}
	record := Notification{Time: time.Now(), Code: n.ErrorCode, Subcode: n.ErrorSubcode, Data: n.Data}
	p.note(func() { p.notifications = append(p.notifications, record) })
	return errors.New(record.String())
}

func (p *Peer) established(c *connection) error {
	for {
		if c.hold > 0 {
			c.SetReadDeadline(time.Now().Add(c.hold))
		} else {
			c.SetReadDeadline(time.Time{})
		}
		msg, at, err := c.receive()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			p.notify(c, holdTimeExpired, 0, nil)
			return errors.New("hold time expired")
		}
		if err != nil {
			return err
		}
		switch body := msg.Body.(type) {
		case *bgp.BGPUpdate:
			p.record(body, at, int(msg.Header.Len))
		case *bgp.BGPKeepAlive:
		case *bgp.BGPRouteRefresh:
			p.note(func() { p.refreshes++ })
		default:
			return p.unexpected(msg)
		}
	}
}

func (p *Peer) record(msg *bgp.BGPUpdate, at time.Time, size int) {
	u := decode(msg, at)
	u.Bytes = size
	p.note(func() {
		u.Session = p.sessions
		p.updates = append(p.updates, u)
		for _, w := range u.Withdrawn {
			delete(p.table, key{w.Prefix, w.PathID})
		}
		for _, a := range u.Announced {
			p.table[key{a.Prefix, a.PathID}] = a
		}
	})
}

func (p *Peer) notify(c *connection, code, subcode uint8, data []byte) {
	c.SetWriteDeadline(time.Now().Add(time.Second))
	if c.send(bgp.NewBGPNotificationMessage(code, subcode, data)) != nil {
		return
	}
	p.note(func() {
		p.notifications = append(p.notifications, Notification{Time: time.Now(), Sent: true, Code: code, Subcode: subcode, Data: data})
	})
}

func (c *connection) keepAlive(ended <-chan struct{}) {
	if c.hold == 0 {
		return
	}
	tick := time.NewTicker(c.hold / 3)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			if c.send(bgp.NewBGPKeepAliveMessage()) != nil {
				return
			}
		}
	}
}

func (c *connection) send(msg *bgp.BGPMessage) error {
	b, err := msg.Serialize(c.options)
	if err != nil {
		return fmt.Errorf("encode a BGP message: %w", err)
	}
	c.write.Lock()
	defer c.write.Unlock()
	_, err = c.Write(b)
	return err
}

// receive returns the next message and when its last byte had been read.
func (c *connection) receive() (*bgp.BGPMessage, time.Time, error) {
	header := make([]byte, bgp.BGP_HEADER_LENGTH)
	if _, err := io.ReadFull(c.in, header); err != nil {
		return nil, time.Time{}, err
	}
	h := &bgp.BGPHeader{}
	if err := h.DecodeFromBytes(header); err != nil {
		return nil, time.Time{}, err
	}
	body := make([]byte, int(h.Len)-bgp.BGP_HEADER_LENGTH)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, time.Time{}, err
	}
	at := time.Now()
	msg, err := bgp.ParseBGPBody(h, body, c.options)
	if err != nil {
		return nil, at, fmt.Errorf("decode a BGP message: %w", err)
	}
	return msg, at, nil
}

func (c Config) open() (*bgp.BGPMessage, error) {
	caps := []bgp.ParameterCapabilityInterface{bgp.NewCapRouteRefresh(), bgp.NewCapFourOctetASNumber(c.AS)}
	var addPath []*bgp.CapAddPathTuple
	var restart []*bgp.CapGracefulRestartTuple
	for _, f := range c.Families {
		caps = append(caps, bgp.NewCapMultiProtocol(f))
		addPath = append(addPath, bgp.NewCapAddPathTuple(f, c.AddPath))
		if c.GracefulRestart > 0 {
			restart = append(restart, bgp.NewCapGracefulRestartTuple(f, true))
		}
	}
	if c.AddPath != bgp.BGP_ADD_PATH_NONE {
		caps = append(caps, bgp.NewCapAddPath(addPath))
	}
	// Without families it only says that End-of-RIB is understood (RFC 4724 section 3); FRR 8.4 sends none otherwise.
	caps = append(caps, bgp.NewCapGracefulRestart(false, false, uint16(c.GracefulRestart/time.Second), restart))
	as := uint16(bgp.AS_TRANS)
	if c.AS <= 0xffff {
		as = uint16(c.AS)
	}
	options := []bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(caps)}
	return bgp.NewBGPOpenMessage(as, uint16(c.HoldTime/time.Second), c.RouterID, options)
}

func parseOpen(msg *bgp.BGPOpen) Open {
	o := Open{Time: time.Now(), AS: uint32(msg.MyAS), RouterID: msg.ID, HoldTime: time.Duration(msg.HoldTime) * time.Second}
	for _, option := range msg.OptParams {
		if caps, ok := option.(*bgp.OptionParameterCapability); ok {
			o.Capabilities = append(o.Capabilities, caps.Capability...)
		}
	}
	for _, capability := range o.Capabilities {
		if as, ok := capability.(*bgp.CapFourOctetASNumber); ok {
			o.AS = as.CapValue
		}
	}
	return o
}

// negotiate sets what both OPENs agree on.
func (c Config) negotiate(conn *connection, theirs Open) {
	conn.hold = min(c.HoldTime, theirs.HoldTime)
	conn.options.Use2ByteAS = true
	conn.options.AddPath = map[bgp.Family]bgp.BGPAddPathMode{}
	for _, capability := range theirs.Capabilities {
		switch capability := capability.(type) {
		case *bgp.CapFourOctetASNumber:
			conn.options.Use2ByteAS = false
		case *bgp.CapAddPath:
			for _, t := range capability.Tuples {
				if slices.Contains(c.Families, t.Family) {
					conn.options.AddPath[t.Family] = c.AddPath & mirror(t.Mode)
				}
			}
		}
	}
}

// mirror is what the neighbor's mode lets us do.
func mirror(m bgp.BGPAddPathMode) bgp.BGPAddPathMode {
	switch m {
	case bgp.BGP_ADD_PATH_RECEIVE:
		return bgp.BGP_ADD_PATH_SEND
	case bgp.BGP_ADD_PATH_SEND:
		return bgp.BGP_ADD_PATH_RECEIVE
	default:
		return m
	}
}
