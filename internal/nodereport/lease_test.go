package nodereport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

func TestARenewalSaysThatNoSessionIsUp(t *testing.T) {
	report := &Report{}
	r := &renewer{node: "n1", current: func() *Report { return report }}
	r.is = r.fresh(time.Now())
	says := func(sessions ...Session) string {
		report = &Report{Sessions: sessions}
		r.is = r.renewal(time.Now())
		return r.is.Annotations[gateway.SessionsNote]
	}
	require.Empty(t, says(), "there is none to have")
	require.Equal(t, gateway.NoSessions, says(Session{}, Session{}))
	require.Equal(t, gateway.NoSessions, says(Session{}))
	require.Empty(t, says(Session{}, Session{Established: true}))
	report = nil
	require.Empty(t, r.renewal(time.Now()).Annotations)
}
