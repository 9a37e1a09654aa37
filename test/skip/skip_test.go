package skip

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ended is a test that is told how it ends.
type ended struct {
	testing.TB
	how string
}

func (e *ended) Helper()      {}
func (e *ended) Name() string { return "TestX" }
func (e *ended) Fatal(...any) { e.how = "failed"; panic(e.how) }
func (e *ended) Skip(...any)  { e.how = "skipped"; panic(e.how) }
func (e *ended) of(f func())  { defer func() { _ = recover() }(); f() }

func TestASkipIsInTheListAndAFailureWhereItIsRequired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skips")
	t.Setenv(list, path)
	t.Setenv(FRR, "")
	e := &ended{}
	e.of(func() { Test(e, FRR, errors.New("no root")) })
	require.Equal(t, "skipped", e.how)
	e.of(func() { Test(e, "", "no examples") })
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "*** SKIPPED TestX: no root\n*** SKIPPED TestX: no examples\n", string(data))

	t.Setenv(FRR, "1")
	e.of(func() { Test(e, FRR, "no root") })
	require.Equal(t, "failed", e.how)
	e.of(func() { Test(e, "", "no examples") })
	require.Equal(t, "skipped", e.how, "nothing makes that a failure")
}
