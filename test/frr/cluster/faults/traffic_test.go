package faults

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// pace is the time between two packets of a flow.
const pace = 5 * time.Millisecond

// flow is a stream of numbered UDP packets to one address, and the account of those that arrived.
type flow struct {
	to   string
	conn net.Conn
	sink net.PacketConn

	mu      sync.Mutex
	sent    []time.Time
	arrived []bool
}

// startFlow sends from one node to an address of another one until the test ends.
func startFlow(t *testing.T, from, at *fabric.Node, address string) *flow {
	t.Helper()
	f := &flow{to: address}
	err := at.InNetwork("", func() (err error) {
		f.sink, err = net.ListenPacket("udp", net.JoinHostPort(address, "9000"))
		return err
	})
	require.NoError(t, err)
	f.conn, err = from.Dial(t.Context(), "", net.Dialer{}, "udp", net.JoinHostPort(address, "9000"))
	require.NoError(t, err)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { f.send(stop) })
	running.Go(f.receive)
	t.Cleanup(func() {
		close(stop)
		_ = f.conn.Close()
		_ = f.sink.Close()
		running.Wait()
	})
	return f
}

func (f *flow) send(stop <-chan struct{}) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		packet := binary.BigEndian.AppendUint64(nil, uint64(len(f.sent)))
		f.sent = append(f.sent, time.Now())
		f.arrived = append(f.arrived, false)
		f.mu.Unlock()
		// A router without a route says so, which is an error of the next write: that packet is lost, as the one before.
		_, _ = f.conn.Write(packet)
	}
}

func (f *flow) receive() {
	buffer := make([]byte, 64)
	for {
		n, _, err := f.sink.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n == 8 {
			f.mu.Lock()
			f.arrived[binary.BigEndian.Uint64(buffer)] = true
			f.mu.Unlock()
		}
	}
}

// now is the number of the next packet.
func (f *flow) now() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

// flows tells whether a packet that was sent after a number has arrived.
func (f *flow) flows(since int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.arrived[since:] {
		if a {
			return true
		}
	}
	return false
}

// lost are the packets between two numbers that did not arrive, and for how long none did at most.
func (f *flow) lost(from, to int) (packets int, outage time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.sent[from]
	for i := from; i < to; i++ {
		if f.arrived[i] {
			last = f.sent[i]
			continue
		}
		packets++
		outage = max(outage, f.sent[i].Sub(last))
	}
	return packets, outage
}

// account is what became of a flow in a time.
func (f *flow) account(from, to int) string {
	packets, outage := f.lost(from, to)
	return fmt.Sprintf("%s: %d of %d packets lost, none for %s at most", f.to, packets, to-from, outage.Round(time.Millisecond))
}
