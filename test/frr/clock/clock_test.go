package clock

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test's program is its own process, too: it prints what time it is for it, and how much has passed.
func TestMain(m *testing.M) {
	if os.Getenv("SAY_THE_TIME") == "" {
		os.Exit(m.Run())
	}
	start := time.Now()
	for range time.Tick(5 * time.Millisecond) {
		now := time.Now()
		os.Stdout.WriteString(strconv.FormatInt(now.Unix(), 10) + " " + strconv.FormatInt(int64(now.Sub(start)), 10) + "\n")
	}
}

func TestAProcessHasAnotherTime(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SAY_THE_TIME=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	lines.Scan()
	c := Of(t, cmd.Process.Pid)
	last := int64(0)
	for _, off := range []time.Duration{0, 48 * time.Hour, -48 * time.Hour, 10 * 365 * 24 * time.Hour, 0} {
		c.Set(t, off)
		end := time.Now().Add(30 * time.Second)
		for {
			require.True(t, lines.Scan() && time.Now().Before(end), "the process does not take the time that is %s off", off)
			wall, passed, _ := strings.Cut(lines.Text(), " ")
			seconds, err := strconv.ParseInt(wall, 10, 64)
			require.NoError(t, err)
			monotonic, err := strconv.ParseInt(passed, 10, 64)
			require.NoError(t, err)
			require.Greater(t, monotonic, last, "time goes on as it was")
			require.Less(t, monotonic, int64(time.Hour))
			last = monotonic
			if d := time.Unix(seconds, 0).Sub(time.Now().Add(off)); d.Abs() < 20*time.Second {
				break
			}
		}
	}
}
