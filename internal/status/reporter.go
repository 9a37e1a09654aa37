package status

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/gentype"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

// ReporterOptions say what a Reporter writes.
type ReporterOptions struct {
	Node string
	// Namespace of the metallb.io objects, and of the status objects.
	Namespace string
	// Pod owns the status objects; empty: nobody does.
	Pod string
	// ServiceStatus has a ServiceBGPStatus written for each Service that the node announces, ServiceStatusQPS requests a second at most.
	ServiceStatus    bool
	ServiceStatusQPS float64
	// EventsPerMinute, after a first burst, are written about Services, and as many about other objects; 0: none at all.
	EventsPerMinute float64
	// ToldFile keeps what Events have told over a restart; reload.NoFile: nothing does.
	ToldFile string
	// Apart is how far apart two writes to one status object are at least; 0: 5 seconds.
	Apart time.Duration
	// Grace is how long FRR may fail before the state is Unknown; 0: 10 seconds.
	Grace time.Duration
	Log   *slog.Logger
	Now   func() time.Time
	// Denials is told of rights that are missing; nil: the log alone is.
	Denials *Denials
}

const (
	defaultApart = 5 * time.Second
	defaultGrace = 10 * time.Second
	// stateQPS is enough for the one ConfigurationState of a node.
	stateQPS, stateBurst = 1, 5
	serviceStatusBurst   = 10
	// eventQPS bounds the requests of Events; how many there may be is bounded by the budget.
	eventQPS = 5
)

// Reporter keeps a node's status objects and Events at the API server. Who tells it something never waits: it puts the newest into a slot, and the
// rest is done beside.
type Reporter struct {
	options   ReporterOptions
	owner     *owner
	states    *configurationStates
	services  *serviceStatuses // nil: not written
	chronicle *chronicle       // nil: no Events
	told      *told

	mu   sync.Mutex
	slot news
	wake chan struct{}
}

// news is what was told last.
type news struct {
	problems      []problem.Problem
	find          Lookup
	judged        bool // problems were told at all
	announcements []translate.Announcement
	fresh         bool // they were not handed on yet
	anew          bool // all of them are to be looked at, not only those that changed
	runs          bool // FRR was seen running them
	failure       string
	failedSince   time.Time
}

// NewReporter writes to the API server of config while Run runs.
func NewReporter(config *rest.Config, options ReporterOptions) (*Reporter, error) {
	nothing := func(problem.Object) (types.UID, bool) { return "", false }
	r := &Reporter{options: options, wake: make(chan struct{}, 1), slot: news{find: nothing}}
	if r.options.Apart == 0 {
		r.options.Apart = defaultApart
	}
	if r.options.Grace == 0 {
		r.options.Grace = defaultGrace
	}
	if r.options.Denials == nil {
		r.options.Denials = NewDenials(options.Now, options.Log)
	}
	config = rest.CopyConfig(config)
	config.Wrap(r.options.Denials.Watch)
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	core, err := corev1client.NewForConfigAndClient(limited(config, stateQPS, stateBurst), transport)
	if err != nil {
		return nil, fmt.Errorf("BUG: make a client of pods: %w", err)
	}
	pod := &owner{pods: core.Pods(options.Namespace), pod: options.Pod, log: options.Log}
	r.owner = pod
	states, err := metallbClient(limited(config, stateQPS, stateBurst), transport)
	if err != nil {
		return nil, err
	}
	r.states = newConfigurationStates(r.options, states, pod)
	if options.ServiceStatus {
		services, err := metallbClient(limited(config, options.ServiceStatusQPS, serviceStatusBurst), transport)
		if err != nil {
			return nil, err
		}
		r.services = newServiceStatuses(r.options, services, pod)
	}
	if options.EventsPerMinute > 0 {
		events, err := eventsclient.NewForConfigAndClient(limited(config, eventQPS, heraldBurst), transport)
		if err != nil {
			return nil, fmt.Errorf("BUG: make a client of Events: %w", err)
		}
		r.told = readTold(options.ToldFile, options.Log)
		herald := func() *herald {
			return newHerald(options.Node, events, options.EventsPerMinute, options.Log, options.Now, r.told.set, r.again)
		}
		r.chronicle = &chronicle{node: options.Node, told: r.told, services: herald(), objects: herald()}
	}
	return r, nil
}

// limited is a config with a rate of its own.
func limited(config *rest.Config, qps float64, burst int) *rest.Config {
	c := rest.CopyConfig(config)
	c.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(float32(qps), burst)
	return c
}

// metallbClient is a client of metallb.io/v1beta1. It asks for no discovery: a kind that is not installed is one that is not found.
func metallbClient(config *rest.Config, http *http.Client) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("BUG: register the kinds of %s: %w", v1beta1.GroupVersion, err)
	}
	config.GroupVersion = &v1beta1.GroupVersion
	config.APIPath = "/apis"
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientForConfigAndClient(config, http)
	if err != nil {
		return nil, fmt.Errorf("BUG: make a client of %s: %w", v1beta1.GroupVersion, err)
	}
	return client, nil
}

func newConfigurationStates(o ReporterOptions, client rest.Interface, pod *owner) *configurationStates {
	s := &configurationStates{node: o.Node, name: objectName(speaker + "-" + o.Node), owner: pod, now: o.Now}
	s.client = gentype.NewClientWithList("configurationstates", client, parameters(), o.Namespace,
		func() *v1beta1.ConfigurationState { return &v1beta1.ConfigurationState{} },
		func() *v1beta1.ConfigurationStateList { return &v1beta1.ConfigurationStateList{} })
	only := fields.OneTermEqualSelector("metadata.name", s.name).String()
	log := o.Log.With("status", "ConfigurationState")
	s.writer = newWriter(s.bring, o.Apart, log)
	s.mirror = newMirror(s.client, &v1beta1.ConfigurationState{}, func(l *metav1.ListOptions) { l.FieldSelector = only }, nameOf, log, o.Now)
	s.mirror.changed = func(one *v1beta1.ConfigurationState) { s.writer.queue.Add(one.Name) }
	return s
}

func newServiceStatuses(o ReporterOptions, client rest.Interface, pod *owner) *serviceStatuses {
	s := &serviceStatuses{node: o.Node, owner: pod}
	s.client = gentype.NewClientWithList("servicebgpstatuses", client, parameters(), o.Namespace,
		func() *v1beta1.ServiceBGPStatus { return &v1beta1.ServiceBGPStatus{} },
		func() *v1beta1.ServiceBGPStatusList { return &v1beta1.ServiceBGPStatusList{} })
	only := labels.Set{labelNode: labelValue(o.Node)}.String()
	log := o.Log.With("status", "ServiceBGPStatus")
	s.writer = newWriter(s.bring, o.Apart, log)
	s.mirror = newMirror(s.client, &v1beta1.ServiceBGPStatus{}, func(l *metav1.ListOptions) { l.LabelSelector = only }, serviceOf, log, o.Now)
	s.mirror.changed = func(one *v1beta1.ServiceBGPStatus) { s.writer.queue.Add(serviceOf(one)) }
	return s
}

func parameters() runtime.ParameterCodec {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, v1beta1.GroupVersion)
	return runtime.NewParameterCodec(scheme)
}

// Run writes until ctx ends.
func (r *Reporter) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer func() {
		wg.Wait()
		if r.told != nil {
			r.told.keep()
		}
	}()
	wg.Go(func() { r.states.mirror.run(ctx, func() { r.states.writer.queue.Add(r.states.name) }) })
	wg.Go(func() { r.states.writer.run(ctx) })
	wg.Go(func() { r.owner.again(ctx, r.owned) })
	if s := r.services; s != nil {
		wg.Go(func() { s.mirror.run(ctx, s.all) })
		wg.Go(func() { s.writer.run(ctx) })
	}
	if c := r.chronicle; c != nil {
		wg.Go(func() { c.services.run(ctx) })
		wg.Go(func() { c.objects.run(ctx) })
		wg.Go(func() {
			r.told.keepUntil(ctx)
		})
	}
	r.spread(ctx)
}

// owned has the objects that are there get their owner.
func (r *Reporter) owned() {
	r.states.writer.queue.Add(r.states.name)
	if r.services != nil {
		r.services.all()
	}
}

// spread gives what was told to those who write it.
func (r *Reporter) spread(ctx context.Context) {
	later := time.NewTimer(time.Hour)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-later.C:
		}
		if wait := r.hand(); wait > 0 {
			later.Reset(wait)
		}
	}
}

// hand spreads the slot, and tells when it is to be looked at again; 0: when something new is told.
func (r *Reporter) hand() (wait time.Duration) {
	r.mu.Lock()
	n := r.slot
	r.slot.fresh, r.slot.anew = false, false
	r.mu.Unlock()
	if n.fresh {
		if r.services != nil {
			r.services.want(n.announcements)
		}
		if r.chronicle != nil {
			r.chronicle.announces(n.announcements, n.find, n.anew)
		}
	}
	if r.chronicle != nil && n.judged {
		r.chronicle.finds(n.problems, n.find)
	}
	verdict := judge(n.problems, n.failure)
	switch {
	case n.failure != "" && verdict.result == v1beta1.ConfigurationUnknown:
		if wait = r.options.Grace - r.options.Now().Sub(n.failedSince); wait > 0 {
			return wait // FRR may be starting
		}
		r.states.want(verdict)
	case n.judged && (n.runs || verdict.result == v1beta1.ConfigurationInvalid):
		r.states.want(verdict)
	}
	return 0
}

// Judged takes all problems as they are now, in place of those before. find is asked later, for what lasts of them.
func (r *Reporter) Judged(problems []problem.Problem, find Lookup) {
	r.change(func(n *news) { n.problems, n.find, n.judged = problems, find, true })
}

// Runs takes what FRR was just seen announcing.
func (r *Reporter) Runs(announcements []translate.Announcement) {
	r.change(func(n *news) { n.announcements, n.fresh, n.runs, n.failure = announcements, true, true, "" })
}

// again has what runs handed on once more, and all of it looked at.
func (r *Reporter) again() { r.change(func(n *news) { n.fresh, n.anew = n.runs, true }) }

// Failed takes why FRR could not be brought to what it should announce.
func (r *Reporter) Failed(err error) {
	r.change(func(n *news) {
		if n.failure == "" {
			n.failedSince = r.options.Now()
		}
		n.failure = err.Error()
	})
}

func (r *Reporter) change(f func(*news)) {
	r.mu.Lock()
	f(&r.slot)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
