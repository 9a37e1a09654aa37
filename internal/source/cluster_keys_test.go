package source_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// encryption writes the configuration of an API server that encrypts Secrets with a key of this name.
func encryption(t *testing.T, path, key string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aescbc: {keys: [{name: %s, secret: %s}]}
  - identity: {}
`, key, base64.StdEncoding.EncodeToString([]byte((key + strings.Repeat("-", 32))[:32])))), 0o600))
}

// TestKeyOfSecretsLost takes the key away with which a real API server has encrypted its Secrets.
func TestKeyOfSecretsLost(t *testing.T) {
	if os.Getenv("FRR_RENDERER_LONG") != "1" {
		skip.Test(t, "", "the API server without its key takes more than a minute; make test-long runs it (FRR_RENDERER_LONG=1)")
	}
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	encryption(t, keys, "first")
	server := apiserver.Start(t, "encryption-provider-config="+keys)
	k := &kube{Server: server, admin: server.Config}
	k.InstallCRDs(t)
	k.undecryptable(t, keys)
}

// The API server comes back without the key: it can't read any Secret then, and is not ready by its own account.
func (k *kube) undecryptable(t *testing.T, keys string) {
	r := k.room(t)
	r.secret("old", "hunter1")
	r.apply(peerManifest, "tor1", "10.0.0.1", "old")
	w := r.watch(k.admin)
	w.until("the Secret", func(r source.Result) bool { return passwords(r) == "hunter1" })
	encryption(t, keys, "second")
	k.KillUntil(t, "kube-apiserver", "/version")() // its health checks wait for Secrets, and may never pass
	r.apply(poolManifest, "pool", "20.0.0.0/24")

	unreadable := func(r source.Result) bool { return has(r, problem.InvalidSecret, "old") && len(r.Objects.Pools) == 1 }
	kept := w.until("it is told, and all else is read", unreadable)
	require.Equal(t, "hunter1", passwords(kept), "what was read stays")
	late := r.watch(k.admin)
	first := late.until("a first result without it", unreadable)
	require.Len(t, first.Unread, 1)
	require.Contains(t, fmt.Sprint(first.Problems), "no matching key was found")

	encryption(t, keys, "first")
	k.Kill(t, "kube-apiserver")()
	for _, w := range []*watching{w, late} {
		w.until("the Secret, and no problem", func(r source.Result) bool { return passwords(r) == "hunter1" && len(r.Problems) == 0 })
	}
}
