package apiserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is held goes on when the gate opens, connections that were begun meanwhile too; what is shut ends.
func TestAGateHoldsAndShuts(t *testing.T) {
	echo := listen(t)
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	g := NewGate(t, listen(t), echo.Addr().String())
	first := dial(t, g)
	require.Equal(t, "one\n", says(first, "one", time.Minute))
	g.Hold()
	second := dial(t, g)
	require.Empty(t, says(first, "two", 50*time.Millisecond))
	require.Empty(t, says(second, "three", 50*time.Millisecond))
	g.Open()
	require.Equal(t, "two\n", says(first, "", time.Minute))
	require.Equal(t, "three\n", says(second, "", time.Minute))
	g.Hold()
	g.Shut()
	require.Empty(t, says(first, "four", time.Minute))
	require.Empty(t, says(dial(t, g), "five", time.Minute))
	g.Open()
	require.Equal(t, "six\n", says(dial(t, g), "six", time.Minute))
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t *testing.T, g *Gate) net.Conn {
	c, err := net.Dial("tcp", g.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// says says something, or nothing, and returns the next line that comes within a time.
func says(c net.Conn, what string, within time.Duration) string {
	if what != "" {
		fmt.Fprintln(c, what)
	}
	_ = c.SetReadDeadline(time.Now().Add(within))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}
