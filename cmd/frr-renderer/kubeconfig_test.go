package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodKubeconfig = `apiVersion: v1
kind: Config
current-context: here
clusters:
- name: one
  cluster: {server: "https://192.0.2.1:6443"}
contexts:
- name: here
  context: {cluster: one, user: me}
users:
- name: me
  user: {token: abc}
`

// Whoever breaks a kubeconfig reads which file and field it is, and what to write there.
func TestABrokenKubeconfigIsNamedWithItsFieldAndTheMend(t *testing.T) {
	replaced := func(old, with string) string {
		require.Contains(t, goodKubeconfig, old)
		return strings.Replace(goodKubeconfig, old, with, 1)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	user := func(with string) string { return replaced("{token: abc}", "{"+with+"}") }
	cluster := func(with string) string { return replaced(`:6443"}`, `:6443", `+with+`}`) }
	for name, c := range map[string]struct{ text, field, mend string }{
		"no YAML":               {"a: [", "is no kubeconfig", "write it anew"},
		"a manifest":            {"apiVersion: v1\nkind: Secret\n", "is no kubeconfig", "write it anew"},
		"bad base64":            {cluster("certificate-authority-data: '*'"), "is no kubeconfig", "write it anew"},
		"empty":                 {"", "current-context is empty", "there is none"},
		"no context":            {replaced("current-context: here\n", ""), "current-context is empty", "(here)"},
		"another context":       {replaced("current-context: here", "current-context: there"), `current-context: "there"`, "(here)"},
		"another cluster":       {replaced("cluster: one,", "cluster: two,"), `contexts[here].context.cluster: "two"`, "(one)"},
		"another user":          {replaced("user: me}", "user: you}"), `contexts[here].context.user: "you"`, "(me)"},
		"no server":             {replaced(`server: "https://192.0.2.1:6443"`, ""), "clusters[one].cluster.server", "https://192.0.2.1:6443"},
		"no scheme":             {replaced("https://", ""), "clusters[one].cluster.server", "https://192.0.2.1:6443"},
		"no CA file":            {cluster("certificate-authority: none.crt"), "clusters[one].cluster.certificate-authority: ", "name a file"},
		"CA without PEM":        {cluster("certificate-authority-data: aGVsbG8="), "clusters[one].cluster.certificate-authority-data", "put that of the cluster's authority there"},
		"CA and none":           {cluster("insecure-skip-tls-verify: true, certificate-authority-data: aGVsbG8="), "clusters[one].cluster.insecure-skip-tls-verify", "leave one"},
		"half a pair":           {user("client-certificate-data: aGVsbG8="), "users[me].user.client-certificate", "give both or none"},
		"no pair":               {user("client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8="), "users[me].user.client-key-data", "its own key"},
		"no key file":           {user("client-certificate-data: aGVsbG8=, client-key: none.key"), "users[me].user.client-key: ", "name a file"},
		"no token file":         {user("tokenFile: none.token"), "users[me].user.tokenFile: ", "name a file"},
		"an empty token file":   {user("tokenFile: " + empty), "users[me].user.tokenFile " + empty, "put a token there"},
		"no program for exec":   {user("exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-program, interactiveMode: Never}"), "users[me].user.exec.command", "install it"},
		"a file that is away":   {"", "no such file", "name a kubeconfig"},
		"a folder in its place": {"", "is a directory", "name a kubeconfig"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kubeconfig")
			switch name {
			case "a file that is away":
			case "a folder in its place":
				require.NoError(t, os.Mkdir(path, 0o700))
			default:
				require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			}
			for _, args := range [][]string{
				{"run", "--node", "n1", "--kubeconfig", path, "--vty-dir", t.TempDir(), "--frr-conf", "none"}, {"validate", "--kubeconfig", path},
			} {
				var out, said bytes.Buffer
				require.Equal(t, exitFailed, run(context.Background(), args, &out, &said), said.String())
				for _, words := range []string{path, c.field, c.mend} {
					require.Contains(t, said.String(), words)
				}
				require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
			}
		})
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(goodKubeconfig), 0o600))
	config, err := readKubeconfig(path)
	require.NoError(t, err)
	require.Equal(t, "https://192.0.2.1:6443", config.Host)
	require.Equal(t, "abc", config.BearerToken)
}
