package differential

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// frrReload is FRR's own reload, to compare with. The plan is the one that the product would have carried out, so that a reset which it does
// without is a difference.
type frrReload struct{}

func (frrReload) apply(ctx context.Context, s *stand, p Pair, o *Outcome) error {
	client := s.client()
	defer client.Close()
	plan, err := reload.New(client, reload.Options{Whole: p.Whole, Previous: p.A, Now: time.Now}).Plan(ctx, render.Document{Text: p.B})
	if err != nil {
		return err
	}
	o.Plan = plan
	wanted := p.B
	if !p.Whole {
		// A VRF of the machine's is none of the product's, and frr-reload.py takes away what its file has not.
		running, err := s.dut.RunningConfig(ctx)
		if err != nil {
			return err
		}
		if _, after, is := strings.Cut(running, "\nvrf "+vrf+"\n"); is && !strings.Contains("\n"+wanted, "\nvrf "+vrf+"\n") {
			inner, _, _ := strings.Cut(after, "exit-vrf\n")
			wanted += "vrf " + vrf + "\n" + inner + "exit-vrf\n"
		}
	}
	if err := os.WriteFile(filepath.Join(s.dut.ConfDir(), "frr.conf"), []byte(wanted), 0o644); err != nil {
		return err
	}
	begin := time.Now()
	said, err := fabric.CombinedOutput(s.dut.FRRReload(ctx, "/etc/frr/frr.conf"))
	o.Apply = time.Since(begin)
	if err != nil {
		o.differ(Failure, "%s", said)
	}
	return nil
}
