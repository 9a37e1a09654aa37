package nodereport

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
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
	config := rest.CopyConfig(c.API)
	config.Wrap(c.Denials.Watch)
	shared, err := kubewatch.NewClients(config, unlimited, 0)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	own, err := kubewatch.NewClients(alone(config), unlimited, 0)
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	return &clients{
		shared.Dynamic, own.Core.CoordinationV1().Leases(c.Namespace), own.Dynamic.Resource(groupResource),
	}, nil
}

// unlimited is how often clients may ask: each object has a pace of its own.
const unlimited = -1

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
