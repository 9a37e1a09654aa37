package status

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/rights"
)

// Denials are the rights that the API server does not give to this program, found where they are needed. Each is told once when it is missed, and
// once when it is there again; until then it is a problem. They look at answers, so whoever writes or asks needs no code for it.
type Denials struct {
	log *slog.Logger
	now func() time.Time
	// rights are those that the program needs.
	rights []rights.Right

	mu      sync.Mutex
	missing map[demand]denial
}

// demand is what somebody wants to do: "create", "events.events.k8s.io".
type demand struct{ verb, resource string }

func (d demand) String() string { return d.verb + " " + d.resource }

type denial struct {
	problem problem.Problem
	last    time.Time
	// owner tells that it was missed to change an object's owner.
	owner bool
}

// NewDenials knows of none, of those that a node needs.
func NewDenials(now func() time.Time, log *slog.Logger) *Denials {
	return NewDenialsOf(rights.All(), now, log)
}

// NewDenialsOf knows of none of those that a program needs.
func NewDenialsOf(all []rights.Right, now func() time.Time, log *slog.Logger) *Denials {
	return &Denials{log: log, now: now, rights: all, missing: map[demand]denial{}}
}

// Problems are the rights that are missing now. One that nobody has asked for within an hour is forgotten.
func (d *Denials) Problems() []problem.Problem {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []problem.Problem
	for what, m := range d.missing {
		if d.now().Sub(m.last) > patience {
			delete(d.missing, what)
			continue
		}
		out = append(out, m.problem)
	}
	return problem.Sort(out)
}

// Watch looks at what goes through a transport to the API server: rest.Config.Wrap takes it.
func (d *Denials) Watch(next http.RoundTripper) http.RoundTripper { return deniedTransport{next, d} }

type deniedTransport struct {
	next    http.RoundTripper
	denials *Denials
}

// denialLength is as much of an answer as is read to find what it forbids.
const denialLength = 64 << 10

// RoundTrip implements http.RoundTripper.
func (t deniedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
	case authorized(response.StatusCode):
		t.denials.allowed(r, response.StatusCode)
	case response.StatusCode == http.StatusForbidden:
		said, _ := io.ReadAll(io.LimitReader(response.Body, denialLength))
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(said), response.Body), response.Body}
		t.denials.refused(r, string(said))
	}
	return response, err
}

// authorized tells of an answer that comes only to those who have the right: also that there is no such object, or that it is another by now.
func authorized(code int) bool {
	return code < http.StatusMultipleChoices || slices.Contains([]int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}, code)
}

// WrappedRoundTripper lets client-go find the transport below, to close its connections.
func (t deniedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// noRight is how an API server says that a right is missing. Who is over a quota, or refused by a policy, reads something else.
var noRight = regexp.MustCompile(`cannot [a-z]+ resource \\?"`)

// noOwner is what some API servers say to who may not delete an object and wants to name its owner.
const noOwner = "cannot set an ownerRef on a resource you can't delete"

// Denied tells whether an error says that a right is missing.
func Denied(err error) bool { return apierrors.IsForbidden(err) && denies(err.Error()) }

func denies(said string) bool { return noRight.MatchString(said) || strings.Contains(said, noOwner) }

func (d *Denials) refused(r *http.Request, said string) {
	if !denies(said) {
		return
	}
	what := demandOf(r)
	owner := strings.Contains(said, noOwner)
	if owner {
		what.verb = "delete"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m, known := d.missing[what]
	if !known {
		m.problem = what.denied(namespaceOf(r), d.rights)
		d.log.Warn("the API server forbids what this program needs", "right", what.String(), "why", m.problem.Message)
	}
	m.last, m.owner = d.now(), owner
	d.missing[what] = m
}

func (d *Denials) allowed(r *http.Request, code int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.missing) == 0 {
		return
	}
	what := demandOf(r)
	d.settle(what)
	if code < http.StatusMultipleChoices && r.URL.Query().Get("sendInitialEvents") == "true" {
		d.settle(demand{"list", what.resource}) // it comes with the watch
	}
	if remove := (demand{"delete", what.resource}); (what.verb == "patch" || what.verb == "create") && d.missing[remove].owner {
		d.settle(remove)
	}
}

// settle takes in that something is allowed. Holding the lock.
func (d *Denials) settle(what demand) {
	if _, known := d.missing[what]; known {
		delete(d.missing, what)
		d.log.Info("the API server allows again what it forbade", "right", what.String())
	}
}

func demandOf(r *http.Request) demand {
	verb, resource := requestOf(r)
	return demand{verb, resource}
}

// namespaceOf is the namespace in the path of a request, empty where there is none.
func namespaceOf(r *http.Request) string {
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/")
	if !found {
		return ""
	}
	namespace, _, _ := strings.Cut(rest, "/")
	return label(namespace)
}

// kinds are those that are read, written or asked for, by resource.
var kinds = map[string]string{
	"events": "Event", "configurationstates": "ConfigurationState", "servicebgpstatuses": "ServiceBGPStatus", "pods": "Pod",
	"tokenreviews": "TokenReview", "subjectaccessreviews": "SubjectAccessReview",
	"services": "Service", "endpointslices": "EndpointSlice", "nodes": "Node", "leases": "Lease", "customresourcedefinitions": "CustomResourceDefinition",
	"clusters": "Cluster", "networkgatewaygroups": "NetworkGatewayGroup", "networkgatewaynodes": "NetworkGatewayNode", "bgploadbalancers": "BGPLoadBalancer",
	"bgppeers": "BGPPeer", "bgpsessions": "BGPSession", "bgpadvertisedroutes": "BGPAdvertisedRoute", "ipaddresspools": "IPAddressPool",
}

// denied says which right is missing, and who mends that.
func (d demand) denied(namespace string, all []rights.Right) problem.Problem {
	where, why := "in the cluster", ""
	if namespace != "" {
		where = "in namespace " + namespace
	}
	for _, r := range all {
		if resourceOf(r) != d.resource || !slices.Contains(r.Verbs, d.verb) {
			continue
		}
		why = "; it is for: " + r.Why
		if r.Scope == rights.Cluster && namespace != "" {
			namespace, where = "", "in all namespaces"
		}
	}
	plain, _, _ := strings.Cut(d.resource, "/")
	resource, group, _ := strings.Cut(plain, ".")
	return problem.Problem{
		Severity: problem.Warning, Reason: problem.Forbidden, Object: problem.Object{Kind: kinds[resource], Group: group, Namespace: namespace},
		Message: fmt.Sprintf("the API server forbids to %s it; let this program's account %s %s %s%s", d.verb, d.verb, d.resource, where, why),
	}
}

// resourceOf is a right's resource as requestOf names it.
func resourceOf(r rights.Right) string {
	name, sub, has := strings.Cut(r.Resource, "/")
	if r.Group != "" {
		name += "." + r.Group
	}
	if has {
		name += "/" + sub
	}
	return name
}
