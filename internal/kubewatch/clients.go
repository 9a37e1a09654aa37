package kubewatch

import (
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Clients reach one API server over the same connections: Core for Kubernetes' own kinds, as protobuf, Dynamic for all others.
type Clients struct {
	Core    kubernetes.Interface
	Dynamic dynamic.Interface
}

// NewClients makes clients that may ask so often a second, and so often at once; less than 0: as often as they like. Nobody is told of the API server's warnings
// of old versions, which are read only where there is nothing else.
func NewClients(config *rest.Config, often float32, atOnce int) (*Clients, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0 // a watch lasts
	config.QPS, config.Burst = often, atOnce
	config.WarningHandler = rest.NoWarnings{}
	shared, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	binary := rest.CopyConfig(config)
	binary.ContentType, binary.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	core, err := kubernetes.NewForConfigAndClient(binary, shared)
	if err != nil {
		return nil, err
	}
	others, err := dynamic.NewForConfigAndClient(config, shared)
	if err != nil {
		return nil, err
	}
	return &Clients{core, others}, nil
}

// Impatient keeps client-go from asking again by itself, ten times and without a word: Reflectors do so, and everybody learns why. It is for
// rest.Config.Wrap.
func Impatient(next http.RoundTripper) http.RoundTripper { return impatient{next} }

type impatient struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err == nil {
		response.Header.Del("Retry-After")
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (t impatient) WrappedRoundTripper() http.RoundTripper { return t.next }
