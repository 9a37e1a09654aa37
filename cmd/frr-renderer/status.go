package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// statusView is what status shows.
type statusView struct {
	FRR   *observe.State `json:"frr,omitempty"`
	Agent *agent.Report  `json:"agent,omitempty"`
	// Errors say what could not be asked.
	Errors []string `json:"errors,omitempty"`
}

func newStatus() *cobra.Command {
	var vty vtyFlags
	var healthAddr, output string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show sessions, last changes and problems",
		Long: `Ask FRR for its sessions, and the running "frr-renderer run" for its last changes and for what is wrong with the objects.

Exit code: 0, 1 when FRR can't be asked, 2 for wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			inJSON, err := asJSON(output)
			if err != nil {
				return err
			}
			if err := checkAddress("--health-addr", healthAddr, defaultHealthAddr); err != nil {
				return err
			}
			view := gather(c.Context(), &vty, healthAddr)
			out := c.OutOrStdout()
			if inJSON {
				err = printJSON(out, view)
			} else {
				err = view.print(out, paint{colour(out)})
			}
			if err != nil {
				return failed(err)
			}
			if view.FRR == nil {
				return exit(exitFailed)
			}
			return nil
		},
	}
	vty.add(c)
	c.Flags().StringVar(&healthAddr, "health-addr", defaultHealthAddr, "address of the running program; empty: don't ask it")
	addOutput(c, &output)
	return c
}

// checkAddress finds what no address of a flag can be, before anything is started. An empty one is none.
func checkAddress(flag, addr, example string) error {
	if addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%s %q is no address with a port, such as %s: %w", flag, addr, example, err)
	}
	return nil
}

func gather(ctx context.Context, vty *vtyFlags, healthAddr string) statusView {
	var view statusView
	// The program is asked first, so that a daemon that does not answer takes no time from it.
	report, unanswered := fetch(ctx, healthAddr)
	ctx, cancel := context.WithTimeoutCause(ctx, statusTime, fmt.Errorf("%s are over", statusTime))
	defer cancel()
	if client, err := vty.client(); err != nil {
		view.Errors = append(view.Errors, err.Error())
	} else {
		defer client.Close()
		if state, err := observe.Read(ctx, client); err != nil {
			view.Errors = append(view.Errors, err.Error())
		} else {
			view.FRR = &state
		}
	}
	if errors.Is(unanswered, errAnswer) {
		view.Errors = append(view.Errors, fmt.Sprintf("%s %v: last changes and problems are unknown", healthAddr, unanswered))
	} else if unanswered != nil {
		view.Errors = append(view.Errors, fmt.Sprintf("no frr-renderer run answers on %s: last changes and problems are unknown", healthAddr))
	} else {
		view.Agent = report
	}
	return view
}

// statusTime is for FRR's answers, and again for that of the program.
const statusTime = 5 * time.Second

// errAnswer is an answer that holds no status.
var errAnswer = errors.New("answers")

func fetch(ctx context.Context, addr string) (*agent.Report, error) {
	if addr == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/status", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return nil, fmt.Errorf("%w %s (%s)", errAnswer, response.Status, strings.TrimSpace(string(why)))
	}
	var report agent.Report
	return &report, json.NewDecoder(response.Body).Decode(&report)
}

// paint colours words for a terminal.
type paint struct{ on bool }

func (p paint) good(s string) string { return p.in("32", s) }
func (p paint) bad(s string) string  { return p.in("31", s) }
func (p paint) warn(s string) string { return p.in("33", s) }

func (p paint) in(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// colour tells whether the output is a person's terminal (https://no-color.org).
func colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}

func (v statusView) print(w io.Writer, p paint) error {
	for _, e := range v.Errors {
		fmt.Fprintln(w, p.bad(e))
	}
	if v.FRR != nil {
		rest := *v.FRR
		if v.Agent != nil {
			rest = besides(rest, v.Agent.Gateway)
		}
		if err := printSessions(w, p, rest, len(v.FRR.Sessions)-len(rest.Sessions)); err != nil {
			return err
		}
	}
	if v.Agent != nil {
		if v.FRR != nil {
			printPending(w, p, v.Agent.Pending(*v.FRR, time.Now()))
		}
		if err := printReport(w, p, *v.Agent); err != nil {
			return err
		}
	}
	return nil
}

// printSessions prints sessions; below is how many others are told of further down.
func printSessions(w io.Writer, p paint, state observe.State, below int) error {
	title := fmt.Sprintf("FRR %s, %d sessions", state.Version, len(state.Sessions)+below)
	if below > 0 {
		title += fmt.Sprintf(", %d of them below (GDC mode)", below)
	}
	fmt.Fprintln(w, title)
	if len(state.Sessions) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  NEIGHBOR\tVRF\tAS\tSTATE\tUP\tSENT\tDROPPED\tKEEPALIVE/HOLD\tRESTART\tBFD\tLAST RESET")
	for _, s := range state.Sessions {
		timers, restart := "-", dash(s.GracefulRestart)
		if s.Established() {
			timers = fmt.Sprintf("%d/%d s", s.Keepalive, s.Hold)
			if s.ConfiguredHold != s.Hold || s.ConfiguredKeepalive != s.Keepalive {
				timers += fmt.Sprintf(" (configured %d/%d s)", s.ConfiguredKeepalive, s.ConfiguredHold)
			}
			if s.PeerGracefulRestart != "" {
				restart += ", peer " + s.PeerGracefulRestart
			}
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", s.Neighbor, s.VRF, s.RemoteAS, s.State, uptime(s.Uptime),
			s.PrefixesSent, s.Dropped, timers, restart, dash(strings.ToLower(s.BFD)), dash(s.LastReset))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range state.Sessions {
		if s.State == "Idle" && strings.EqualFold(s.BFD, "down") {
			fmt.Fprintf(w, "  %s: %s\n", s, p.warn("Idle while BFD is down: newer FRR begins no session then; see that the router has BFD for this node, too"))
		}
	}
	return nil
}

func printPending(w io.Writer, p paint, pending []agent.Deferred) {
	if len(pending) == 0 {
		return
	}
	fmt.Fprintf(w, "\nConfigured, and in force from the next session on (%d)\n", len(pending))
	for _, d := range pending {
		fmt.Fprintf(w, "  %s: %s (since %s)\n", strings.Join(d.Command.Neighbors, ", "), p.warn(d.Command.Line.String()), d.Since.Format(time.DateTime))
	}
}

func printReport(w io.Writer, p paint, r agent.Report) error {
	state := p.good("FRR runs what was asked for")
	switch {
	case r.Failure != "":
		state = p.bad("FRR does not run what was asked for: " + r.Failure)
	case r.Digest == "":
		state = p.warn("nothing was applied yet")
	}
	fmt.Fprintf(w, "\nNode %s, %d Services: %s\n", dash(r.Node), r.Services, state)
	if r.Digest != "" {
		fmt.Fprintf(w, "  digest %s\n", r.Digest)
	}
	if r.Drained {
		fmt.Fprintf(w, "  %s\n", p.warn("drained: neighbors are asked to prefer other nodes, until the Node's annotation frr-renderer.io/graceful-shutdown goes"))
	}
	if r.Held != nil {
		fmt.Fprintf(w, "  %s\n", p.warn(fmt.Sprintf("held back, since it would reset %s; let it through with the annotation %s=%s",
			strings.Join(r.Held.Neighbors, ", "), agent.AllowResets, r.Held.Digest)))
		for _, c := range r.Held.Plan.Commands {
			fmt.Fprintf(w, "    %s\n", c)
		}
	}
	if r.Gateway != nil {
		if err := printGateway(w, p, *r.Gateway, time.Now()); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\nLast changes (%d)\n", len(r.Applies))
	const shown = 5
	for _, a := range r.Applies[max(0, len(r.Applies)-shown):] {
		fmt.Fprintf(w, "  %s  %d commands in %s, effect %s", a.Started.Format(time.DateTime), len(a.Plan.Commands), a.Duration.Round(10*time.Microsecond), a.Plan.Effect())
		if resets := a.Plan.Resets(); len(resets) > 0 {
			fmt.Fprintf(w, ", reset %s", strings.Join(resets, ", "))
		}
		fmt.Fprintln(w)
		for _, refused := range a.Refused {
			fmt.Fprintf(w, "    %s\n", p.bad("refused: "+refused.String()))
		}
	}
	fmt.Fprintf(w, "\nProblems (%d)\n", len(r.Problems))
	for _, one := range r.Problems {
		line := one.String()
		if one.Severity == problem.Error {
			line = p.bad(line)
		} else {
			line = p.warn(line)
		}
		fmt.Fprintf(w, "  %s\n", line)
	}
	return nil
}

func uptime(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(time.Second).String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
