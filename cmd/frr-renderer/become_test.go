package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// becomeVariable has this test binary be the program.
const becomeVariable = "FRR_RENDERER_TEST_BECOME"

// TestTheProgramItself is no test: it is the program, for those below, where somebody says so.
func TestTheProgramItself(t *testing.T) {
	args, asked := os.LookupEnv(becomeVariable)
	if !asked {
		return // nobody asked
	}
	os.Exit(run(t.Context(), strings.Fields(args), os.Stdout, os.Stderr))
}

func becoming(t *testing.T, wrap []string, args string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestTheProgramItself$")
	if len(wrap) > 0 {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd = exec.CommandContext(t.Context(), wrap[0], append(wrap[1:], self, "-test.run", "^TestTheProgramItself$")...)
	}
	cmd.Env = append(os.Environ(), becomeVariable+"="+args)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func TestWhoIsBecomeHasNothingButWhatIsKept(t *testing.T) {
	if os.Geteuid() != 0 {
		skip.Test(t, skip.FRR, "only root can become somebody else")
	}
	const as = "become --user 65534 --group 65533 --groups 65532,65531 "
	field := func(text, name string) string {
		found := regexp.MustCompile(`(?m)^` + name + `:\s*(.*?)\s*$`).FindStringSubmatch(text)
		require.NotNil(t, found, text)
		return strings.Join(strings.Fields(found[1]), " ")
	}
	for _, c := range []struct{ name, keep, capabilities, said string }{
		{"both", "--keep NET_ADMIN --keep NET_RAW", "0000000000003000", ""},
		{"one", "--keep NET_RAW", "0000000000002000", ""},
		{"none", "", "0000000000000000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := becoming(t, nil, as+c.keep+" -- cat /proc/self/status")
			require.NoError(t, err, out)
			require.Equal(t, "65534 65534 65534 65534", field(out, "Uid"))
			require.Equal(t, "65533 65533 65533 65533", field(out, "Gid"))
			require.ElementsMatch(t, []string{"65531", "65532"}, strings.Fields(field(out, "Groups")))
			for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
				require.Equal(t, c.capabilities, field(out, set), set)
			}
		})
	}
	t.Run("what the container has not is told", func(t *testing.T) {
		out, err := becoming(t, []string{"setpriv", "--bounding-set", "-net_raw"}, as+"--keep NET_ADMIN --keep NET_RAW -- cat /proc/self/status")
		require.NoError(t, err, out)
		require.Contains(t, out, "no capability NET_RAW: add it to securityContext.capabilities.add")
		require.Equal(t, "0000000000001000", field(out, "CapEff"))
	})
	t.Run("who may not become anybody", func(t *testing.T) {
		out, err := becoming(t, []string{"setpriv", "--bounding-set", "-setuid,-setgid"}, as+"-- true")
		require.Error(t, err)
		require.Contains(t, out, "it has to be root with the capabilities SETUID and SETGID")
	})
}

func TestBecomeSaysWhatCannotBeMeant(t *testing.T) {
	for args, words := range map[string]string{
		"become --group 1 -- true":                        "--user -1 is nobody to become",
		"become --user 0 --group 1 -- true":               "--user 0 is nobody to become",
		"become --user 1 --group 0 -- true":               "--group 0 is nobody to become",
		"become --user 1 --group 1 --keep SYS_ADMIN -- x": `--keep "SYS_ADMIN" is unknown; write NET_ADMIN or NET_RAW`,
		"become --user 1 --group 1":                       "requires at least 1 arg",
	} {
		code, _, stderr := do(t, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, words)
	}
	code, _, stderr := do(t, "become", "--user", "1", "--group", "1", "--", "no-such-command")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no-such-command")
}
