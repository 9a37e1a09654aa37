package nodereport

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

var (
	nodeResource    = corev1.SchemeGroupVersion.WithResource("nodes")
	groupResource   = networking.GroupVersion.WithResource("networkgatewaygroups")
	reportResource  = networking.GroupVersion.WithResource("networkgatewaynodes")
	sessionResource = networking.GroupVersion.WithResource("bgpsessions")
)

// clients are those of one API server: what concerns the lease goes by connections of its own.
type clients struct {
	objects dynamic.Interface
	leases  coordination.LeaseInterface
	groups  dynamic.ResourceInterface
}

func newClients(c Config) (*clients, error) {
	shared := rest.CopyConfig(c.API)
	shared.Timeout = 0 // a watch lasts
	shared.QPS = -1    // each object has a pace of its own
	shared.WarningHandler = rest.NoWarnings{}
	shared.Wrap(c.Denials.Watch)
	own := alone(shared)
	objects, err := dynamic.NewForConfig(shared)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	transport, err := rest.HTTPClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	binary := rest.CopyConfig(own)
	binary.ContentType, binary.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	leases, err := coordination.NewForConfigAndClient(binary, transport)
	if err != nil {
		return nil, fmt.Errorf("BUG: make a client of Leases: %w", err)
	}
	groups, err := dynamic.NewForConfigAndClient(own, transport)
	if err != nil {
		return nil, fmt.Errorf("BUG: make a client of NetworkGatewayGroups: %w", err)
	}
	return &clients{objects, leases.Leases(c.Namespace), groups.Resource(groupResource).Namespace(c.ClusterNamespace)}, nil
}

func (c *clients) reports(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return c.objects.Resource(resource).Namespace(networking.ReportNamespace)
}

// dialTimeout bounds one connection to the API server.
const dialTimeout = Term / 2

// alone is a config whose clients share no connection with others. It speaks HTTP/1.1: there a request that was given up takes its connection along, so the
// next one gets a new one, where HTTP/2 goes on with a dead connection for the better part of a minute.
func alone(config *rest.Config) *rest.Config {
	c := rest.CopyConfig(config)
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, network, address)
	}
	c.NextProtos = []string{"http/1.1"}
	return c
}
