package main

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"k8s.io/client-go/rest"
)

// followed is a way to an API server that goes by a kubeconfig as it is at each request: client-go reads one once, and only files that it names again. Requests
// under way go on as they began; a watch ends within minutes. It is for those who ask rarely.
type followed struct {
	path string
	log  *slog.Logger
	// host and namespace of the current context are what the file said at first. Of another API server, or namespace, nobody knows what was copied from it.
	host, namespace string

	mu     sync.Mutex
	digest [sha256.Size]byte // of the file as it was looked at last
	way    http.RoundTripper
	failed string // what was told of the file as it is; empty: it is used
}

// follow says how to reach the API server of a kubeconfig, and goes on to read it.
func follow(path string, log *slog.Logger) (*rest.Config, error) {
	f := &followed{path: path, log: log}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadableKubeconfig(path, err)
	}
	f.digest = sha256.Sum256(text)
	config, err := apiServer(path)
	if err != nil {
		return nil, err
	}
	if f.namespace, err = contextNamespace(path); err != nil {
		return nil, err
	}
	f.host = config.Host
	if f.way, err = rest.TransportFor(config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &rest.Config{Host: config.Host, UserAgent: config.UserAgent, Transport: f}, nil
}

// RoundTrip implements http.RoundTripper.
func (f *followed) RoundTrip(r *http.Request) (*http.Response, error) {
	return f.current().RoundTrip(r)
}

// current is the way that the file tells now; while it can't be used, that which it told last.
func (f *followed) current() http.RoundTripper {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.fails(unreadableKubeconfig(f.path, err))
		f.digest = [sha256.Size]byte{} // it may come back as it was
		return f.way
	}
	digest := sha256.Sum256(text)
	if digest == f.digest {
		return f.way
	}
	f.digest = digest
	way, err := f.read()
	if err != nil {
		f.fails(err)
		return f.way
	}
	f.way, f.failed = way, ""
	f.log.Info("a kubeconfig was read anew", "file", f.path)
	return f.way
}

// read makes the way that the file tells.
func (f *followed) read() (http.RoundTripper, error) {
	config, err := apiServer(f.path)
	if err != nil {
		return nil, err
	}
	namespace, err := contextNamespace(f.path)
	switch {
	case err != nil:
		return nil, err
	case config.Host != f.host:
		return nil, fmt.Errorf("%s names another API server, %s and not %s: start this program anew if that is meant", f.path, config.Host, f.host)
	case namespace != f.namespace:
		return nil, fmt.Errorf("%s names another namespace, %q and not %q: start this program anew if that is meant", f.path, namespace, f.namespace)
	}
	return rest.TransportFor(config)
}

// fails tells once why the file can't be used.
func (f *followed) fails(err error) {
	if f.failed != err.Error() {
		f.failed = err.Error()
		f.log.Warn("a kubeconfig can't be used as it is now; what it said before stays in use", "error", f.failed)
	}
}
