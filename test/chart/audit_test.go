package chart

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/rights"
)

// audit is the API server's own book of who asked for what, and what it said.
type audit struct{ dir string }

func newAudit(t *testing.T) audit {
	t.Helper()
	a := audit{t.TempDir()}
	const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`
	require.NoError(t, os.WriteFile(a.path("policy.yaml"), []byte(policy), 0o644))
	return a
}

func (a audit) path(name string) string { return filepath.Join(a.dir, name) }

// flags are those with which the API server writes it.
func (a audit) flags() []string {
	return []string{"audit-policy-file=" + a.path("policy.yaml"), "audit-log-path=" + a.path("log"), "audit-log-mode=blocking"}
}

// entry is what counts of a line of the book.
type entry struct {
	Verb           string
	User           struct{ Username string }
	ObjectRef      struct{ APIGroup, Resource, Subresource, Namespace string }
	ResponseStatus struct{ Code int }
}

// asked is one thing that somebody may or may not do.
type asked struct{ Verb, Group, Resource, Namespace string }

// read returns what ServiceAccounts asked for, by account, and whether it was refused.
func (a audit) read(t testing.TB) map[string]map[asked]bool {
	t.Helper()
	text, err := os.ReadFile(a.path("log"))
	require.NoError(t, err)
	all := map[string]map[asked]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ObjectRef.Resource == "" {
			continue // half a line at the end; a path that is no resource
		}
		_, account, _ := strings.Cut(e.User.Username, "system:serviceaccount:"+namespace+":")
		if all[account] == nil {
			all[account] = map[asked]bool{}
		}
		resource := e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			resource += "/" + e.ObjectRef.Subresource
		}
		what := asked{e.Verb, e.ObjectRef.APIGroup, resource, e.ObjectRef.Namespace}
		all[account][what] = all[account][what] || e.ResponseStatus.Code == http.StatusForbidden
	}
	return all
}

// nothingRefused shows that accounts were let do all that they asked for.
func (a audit) nothingRefused(t *testing.T) {
	t.Helper()
	found := a.read(t)
	require.NotEmpty(t, found)
	for account, did := range found {
		for what, refused := range did {
			require.False(t, refused, "%s may not %+v", account, what)
		}
	}
}

// rare are rights that a day like that of the test does not need.
var rare = map[string]string{
	"list":                       "an API server that can't stream a first list to a watch is asked for it: TestEachRightIsMissed",
	"patch events":               "an Event that comes again within minutes is counted up",
	"patch configurationstates":  "somebody took the labels or the owner away",
	"patch servicebgpstatuses":   "somebody took the labels or the owner away",
	"delete configurationstates": "API servers may let only those name an owner who may delete",
	"delete servicebgpstatuses":  "a Service is announced no more",
	"delete networkgatewaynodes": "API servers may let only those name an owner who may delete",
	// TestCluster of internal/source removes kinds, with and without it.
	"get customresourcedefinitions": "a kind of MetalLB's is not served (any more)",
}

// everythingUsed shows that an account has no right that nobody uses, but for rare ones.
func (a audit) everythingUsed(t *testing.T, account string, all []rights.Right) {
	t.Helper()
	did := map[string]bool{}
	for what := range a.read(t)[account] {
		did[what.Verb+" "+what.Group+"/"+what.Resource] = true
	}
	for _, r := range all {
		for _, verb := range r.Verbs {
			if rare[verb] == "" && rare[verb+" "+r.Resource] == "" {
				require.True(t, did[verb+" "+r.Group+"/"+r.Resource], "nobody needs to %s %s: take it out of internal/rights", verb, r.Resource)
			}
		}
	}
}
