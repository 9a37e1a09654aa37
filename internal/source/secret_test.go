package source

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const canary = "cAnArY7"

// A secret stands in every place where a slip may put one; nothing that is told may hold it.
func TestProblemsHoldNoSecrets(t *testing.T) {
	peerWith := func(line string) string {
		return "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata:\n  name: p\nspec:\n  " + line + "\n  myASN: 1\n"
	}
	secretWith := func(body string) string { return "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n" + body + "\n" }
	slips := []string{
		peerWith("password: *" + canary), peerWith("password: !" + canary + " x"), peerWith("password: !" + canary), peerWith("password: &" + canary),
		peerWith("password: '" + canary), peerWith(`password: "` + canary), peerWith("password: %" + canary), peerWith("password: @" + canary),
		peerWith("password:" + canary), peerWith("password: [" + canary), peerWith("password: [" + canary + "]"), peerWith("password: {" + canary + ": 1}"),
		peerWith("password: " + canary + ": " + canary), peerWith("password: a\n " + canary + ": x"), peerWith("\tpassword: " + canary),
		peerWith("password: `" + canary), peerWith("password: |" + canary), peerWith("password: !<" + canary + "> x"), peerWith(`password: "\` + canary + `"`),
		peerWith("passwordSecret: " + canary), peerWith("holdTime: " + canary), peerWith("peerASN: " + canary), peerWith("nodeSelectors: " + canary),
		"%" + canary + "\n---\n" + peerWith(""), "%TAG ! " + canary + "\n---\n" + peerWith("password: !x"),
		"apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: p}\nspec: {password:" + canary + "}\n",
		"apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: p}\nspec: {'password " + canary + "'}\n",
		secretWith("data: " + canary), secretWith("data: {password: " + canary + "-}"), secretWith("data: {password: [" + canary + "]}"),
		secretWith("data:\n  password: " + canary + "\n password: 1"), secretWith("stringData: {password: {" + canary + ": 1}}"), secretWith("stringData: [" + canary + "]"),
		secretWith("stringData: {password: " + canary + "}\nstringData: {password: " + canary + "}"), canary, "- " + canary, canary + ": 1",
	}
	for _, slip := range slips {
		for _, name := range []string{"in.yaml", "in.json"} {
			dir := files(t, map[string]string{name: slip})
			r := read(t, dir)
			for _, p := range r.Problems {
				require.NotContains(t, fmt.Sprintf("%+v %s", p, p), canary, slip)
			}
			require.NotContains(t, fmt.Sprintf("%+v", r.Objects.Peers), canary, slip)
		}
	}
	_, err := Read([]string{filepath.Join(t.TempDir(), "missing")}, Options{})
	require.ErrorContains(t, err, "missing")
	require.NotContains(t, err.Error(), "\n")
}

func TestPasswordsArriveAsWritten(t *testing.T) {
	for _, written := range []string{"plain", `"with: colon"`, "'#hash'", "a b", "yes", "on", `"12345"`, "1:20", "2026-01-31", "'!bang'", "x*y"} {
		dir := files(t, map[string]string{"in.yaml": peer("password: " + written)})
		r := read(t, dir)
		require.Empty(t, r.Problems, written)
		require.Equal(t, strings.Trim(written, `"'`), r.Objects.Peers[0].Spec.Password.Reveal())
	}
}
