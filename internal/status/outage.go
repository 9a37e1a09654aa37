package status

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Outage says once that something can't be read or written, and once that it can again.
type Outage struct {
	log *slog.Logger

	mu   sync.Mutex
	said string
}

// NewOutage says so in a log.
func NewOutage(log *slog.Logger) *Outage { return &Outage{log: log} }

// Seen tells of an error; of the same again it says nothing.
func (o *Outage) Seen(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || Denied(err) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) {
		return // watches end that way; of a right that is missing Denials tell
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	sentence := "status can't be kept at the API server; it is tried again"
	switch {
	case apierrors.IsNotFound(err):
		sentence = "the API server does not know this kind of status: install its CRD to have it written"
	case apierrors.IsForbidden(err):
		sentence = "a quota or a policy of the API server refuses status; it is tried again"
	}
	if o.said == sentence {
		return
	}
	o.said = sentence
	o.log.Warn(sentence, "error", note(err.Error()))
}

// Over tells that it works.
func (o *Outage) Over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said != "" {
		o.log.Info("status is kept at the API server again")
	}
	o.said = ""
}
