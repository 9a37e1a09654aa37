package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/status"
)

// readers lets those through whose token the API server knows (TokenReview), and who may get the path by its rules (SubjectAccessReview of a
// non-resource URL). k8s.io/apiserver has the same with more choices, for 16 MB more of program and 12 MB more of memory on every node.
type readers struct {
	next   http.Handler
	tokens authenticationclient.TokenReviewInterface
	access authorizationclient.SubjectAccessReviewInterface
	now    func() time.Time
	log    *slog.Logger
	// turns are for those who ask the API server: strangers with made-up tokens must not make it work without end.
	turns chan struct{}

	mu      sync.Mutex
	known   map[[sha256.Size]byte]verdict
	unheard bool // the API server did not answer the last question
}

// verdict is what the API server said of a token and a path.
type verdict struct {
	code int // of HTTP: 200 for yes
	at   time.Time
}

const (
	// allowedTime and refusedTime are how long a verdict counts; one that allows counts until staleTime while the API server does not answer,
	// since that is when people want metrics.
	allowedTime = time.Minute
	refusedTime = 10 * time.Second
	staleTime   = 15 * time.Minute

	reviewTime  = 10 * time.Second
	reviewsMost = 2
	knownMost   = 256
	tokenLength = 16 << 10
)

func newReaders(next http.Handler, api *rest.Config, log *slog.Logger) (*readers, error) {
	tokens, err := authenticationclient.NewForConfig(api)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	access, err := authorizationclient.NewForConfig(api)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	return &readers{
		next: next, tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(), now: time.Now, log: log,
		turns: make(chan struct{}, reviewsMost), known: map[[sha256.Size]byte]verdict{},
	}, nil
}

// ServeHTTP implements http.Handler.
func (r *readers) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	token, found := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" || len(token) > tokenLength {
		http.Error(w, "a bearer token is missing", http.StatusUnauthorized)
		return
	}
	switch code := r.judge(request.Context(), token, strings.ToLower(request.Method), request.URL.Path); code {
	case http.StatusOK:
		r.next.ServeHTTP(w, request)
	case http.StatusUnauthorized:
		http.Error(w, "the API server does not know the token", code)
	case http.StatusForbidden:
		http.Error(w, fmt.Sprintf("may not %s the non-resource URL %s", strings.ToLower(request.Method), request.URL.Path), code)
	default:
		http.Error(w, "the API server does not say who may read this", code)
	}
}

// judge returns 200 for who may read, and the status to answer with otherwise.
func (r *readers) judge(ctx context.Context, token, verb, path string) int {
	key := sha256.Sum256([]byte(verb + " " + path + " " + token))
	r.mu.Lock()
	before, known := r.known[key]
	r.mu.Unlock()
	age := r.now().Sub(before.at)
	if known && (before.code == http.StatusOK && age < allowedTime || before.code != http.StatusOK && age < refusedTime) {
		return before.code
	}
	code, err := r.review(ctx, token, verb, path)
	r.heard(err)
	if err != nil {
		if known && before.code == http.StatusOK && age < staleTime {
			return http.StatusOK
		}
		return http.StatusServiceUnavailable
	}
	r.remember(key, verdict{code, r.now()})
	return code
}

// errCrowded tells that others ask the API server already.
var errCrowded = errors.New("too many readers at once")

// review asks the API server.
func (r *readers) review(ctx context.Context, token, verb, path string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTime)
	defer cancel()
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return 0, errCrowded
	}
	who, err := r.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("have the API server review a token: %w", err)
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for k, v := range user.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	may, err := r.access.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb},
	}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return 0, fmt.Errorf("have the API server review the access of %s: %w", user.Username, err)
	case !may.Status.Allowed:
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}

// heard logs when the API server stops answering, and when it answers again. A crowd of strangers is no news of it; of a right that is missing
// status.Denials tell.
func (r *readers) heard(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unheard := err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errCrowded) && !status.Denied(err)
	switch {
	case unheard && !r.unheard:
		r.log.Warn("the API server does not say who may read metrics; who was allowed lately may go on", "error", err)
	case err == nil && r.unheard:
		r.log.Info("the API server says again who may read metrics")
	}
	r.unheard = unheard || r.unheard && err != nil
}

// remember keeps a verdict, of not too many. Those that refuse make room first: strangers can make as many of them as they like.
func (r *readers) remember(key [sha256.Size]byte, v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, old := range r.known {
		if old.code != http.StatusOK && len(r.known) >= knownMost || v.at.Sub(old.at) > staleTime {
			delete(r.known, k)
		}
	}
	if len(r.known) < knownMost {
		r.known[key] = v
	}
}
