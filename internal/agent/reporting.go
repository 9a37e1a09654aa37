package agent

import (
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

// Reporter shows people what became of their objects. Its methods return at once.
type Reporter interface {
	// Judged tells all problems as they are now, and finds the objects that they are about.
	Judged(problems []problem.Problem, find status.Lookup)
	// Runs tells what FRR was just seen announcing.
	Runs(announcements []translate.Announcement)
	// Failed tells why FRR could not be brought to what the objects ask for; it counts until Runs.
	Failed(err error)
}

// reporting is what the Reporter was told last.
type reporting struct {
	// announced runs now; confirmed is what a roll-back brings back.
	announced, confirmed []translate.Announcement
}

// runs tells what was seen running: never what is still on its way. What is rolled back as a whole is what was confirmed before.
func (a *Agent) runs(announcements []translate.Announcement) {
	r := &a.reporting
	r.announced = announcements
	if a.guard.Rejected != nil {
		r.announced = r.confirmed
	}
	if a.guard.settled() {
		r.confirmed = r.announced
	}
	if r.announced != nil {
		a.Reporter.Runs(r.announced)
	}
}

// unseen is for nobody.
type unseen struct{}

func (unseen) Judged([]problem.Problem, status.Lookup) {}
func (unseen) Runs([]translate.Announcement)           {}
func (unseen) Failed(error)                            {}
