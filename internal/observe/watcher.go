package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

const (
	// lookAgain is after how long an instance is asked for all about its sessions again while one of them is down: the reason may be another.
	lookAgain = 10 * time.Second
	// atOnce is from how many instances on one question for all of them is less work than one for each.
	atOnce = 8
)

// Watcher asks bgpd for its sessions again and again, each second, say: a long answer about a thousand sessions keeps bgpd from its work for 0.1 s. What
// may change while a session stays as it is (routes, its age) is asked each time, everything else only of the instances that have a session which has
// come up or gone down since, or is down. The numbers of messages are of that moment, too. Its method must not be called twice at a time.
type Watcher struct {
	client vtysh.Client
	now    func() time.Time
	known  map[string]*instance
}

// instance is a VRF or a view.
type instance struct {
	asked    time.Time
	sessions map[string]Session // by neighbor
}

// NewWatcher asks by a client that is nobody else's meanwhile.
func NewWatcher(client vtysh.Client, now func() time.Time) *Watcher {
	return &Watcher{client: client, now: now, known: map[string]*instance{}}
}

// Sessions returns the sessions of all instances, sorted by instance and neighbor. A neighbor without an address family is not among them: it never
// has a session. With an error that is ErrUnreadable bgpd has answered, and the sessions are those that could be read; with any other there are none.
func (w *Watcher) Sessions(ctx context.Context) ([]Session, error) {
	short, err := w.summary(ctx)
	if err != nil {
		return nil, err
	}
	err = w.learn(ctx, w.pick(short), short)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return nil, err
	}
	var out []Session
	for _, in := range w.known {
		out = slices.AppendSeq(out, maps.Values(in.sessions))
	}
	sortSessions(out)
	return out, err
}

// pick takes over what the short answer says, and returns the instances that it does not say enough of.
func (w *Watcher) pick(short map[string]map[string]Session) []string {
	maps.DeleteFunc(w.known, func(name string, _ *instance) bool { return short[name] == nil })
	var ask []string
	stale, since := "", w.now().Add(-lookAgain)
	for name, sessions := range short {
		known := w.known[name]
		if known == nil || !known.take(sessions) {
			ask = append(ask, name)
			continue
		}
		if !known.asked.After(since) && slices.ContainsFunc(slices.Collect(maps.Values(sessions)), Session.down) {
			stale, since = name, known.asked
		}
	}
	if stale != "" {
		ask = append(ask, stale) // one at a time: a router that is away makes no work for bgpd
	}
	return ask
}

func (s Session) down() bool { return !s.Established() }

// take takes over what changes while the sessions are as they were. It returns false where they are not.
func (in *instance) take(short map[string]Session) bool {
	if len(short) != len(in.sessions) {
		return false
	}
	for neighbor, now := range short {
		was, known := in.sessions[neighbor]
		if !known || !was.lasts(now) {
			return false
		}
		was.State, was.Uptime = now.State, now.Uptime
		was.PrefixesSent, was.PrefixesReceived, was.Sent = now.PrefixesSent, now.PrefixesReceived, now.Sent
		in.sessions[neighbor] = was
	}
	return true
}

// lasts tells whether now is the same connection, or still none. After a restart of bgpd its counters may stand where they did, but it is younger.
func (s Session) lasts(now Session) bool {
	return s.Established() == now.Established() && s.cameUp == now.cameUp && s.Dropped == now.Dropped && s.RemoteAS == now.RemoteAS && s.Uptime <= now.Uptime
}

// learn asks for all about the sessions of some instances.
func (w *Watcher) learn(ctx context.Context, names []string, short map[string]map[string]Session) error {
	if len(names) >= atOnce {
		all, err := readSessions(ctx, w.client)
		if err != nil && !errors.Is(err, ErrUnreadable) {
			return err
		}
		for name := range short {
			w.remember(name, all, short[name])
		}
		return err
	}
	var errs []error
	for _, name := range names {
		sessions, err := readInstance(ctx, w.client, name)
		if err != nil && !errors.Is(err, ErrUnreadable) {
			return err
		}
		w.remember(name, sessions, short[name])
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// remember keeps the sessions of an instance that are in its short answer.
func (w *Watcher) remember(name string, sessions []Session, short map[string]Session) {
	in := &instance{asked: w.now(), sessions: make(map[string]Session, len(short))}
	for _, s := range sessions {
		if _, there := short[s.Neighbor]; there && s.VRF == name {
			in.sessions[s.Neighbor] = s
		}
	}
	w.known[name] = in
}

// readInstance asks bgpd for the sessions of one VRF or view.
func readInstance(ctx context.Context, client vtysh.Client, name string) ([]Session, error) {
	of := "view " + name + " "
	if name == DefaultVRF {
		of = ""
	}
	text, err := client.Run(ctx, vtysh.BGPD, "show bgp "+of+"neighbors json")
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return nil, unreadable("bgpd's neighbors of "+name, err)
	}
	return readMembers(name, members)
}

// shortJSON is what counts of a neighbor in "show bgp vrf all summary json".
type shortJSON struct {
	RemoteAS ASN    `json:"remoteAs"`
	State    string `json:"state"`
	UpMsec   int64  `json:"peerUptimeMsec"`
	CameUp   int    `json:"connectionsEstablished"`
	Dropped  int    `json:"connectionsDropped"`
	Received int    `json:"pfxRcd"`
	Sent     int    `json:"pfxSnt"`
}

// summary asks bgpd for the short answer, by instance and neighbor.
func (w *Watcher) summary(ctx context.Context) (map[string]map[string]Session, error) {
	text, err := w.client.Run(ctx, vtysh.BGPD, "show bgp vrf all summary json")
	if err != nil {
		return nil, err
	}
	var instances map[string]map[string]struct {
		Peers map[string]shortJSON `json:"peers"`
	}
	if err := json.Unmarshal([]byte(text), &instances); err != nil {
		return nil, unreadable("bgpd's summary", err)
	}
	out := make(map[string]map[string]Session, len(instances))
	for name, families := range instances {
		sessions := map[string]Session{}
		for name, family := range families {
			for neighbor, n := range family.Peers {
				s := sessions[neighbor] // of another family
				if s.Sent == nil {
					s.Sent = make(map[string]int, len(families))
				}
				s.Sent[name] = n.Sent
				s.RemoteAS, s.State, s.Dropped, s.cameUp = uint32(n.RemoteAS), n.State, n.Dropped, n.CameUp
				s.PrefixesSent += n.Sent
				s.PrefixesReceived += n.Received
				if s.Established() {
					s.Uptime = time.Duration(n.UpMsec) * time.Millisecond
				}
				sessions[neighbor] = s
			}
		}
		out[name] = sessions
	}
	return out, nil
}

func sortSessions(sessions []Session) {
	slices.SortFunc(sessions, func(a, b Session) int { return cmp.Or(cmp.Compare(a.VRF, b.VRF), cmp.Compare(a.Neighbor, b.Neighbor)) })
}
