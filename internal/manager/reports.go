package manager

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// sessionObjects makes a BGPSession for each session, changes what is another, and deletes what is none any more.
func (w *writing) sessionObjects() {
	if !w.manager.store.serves(sessionKind) {
		return
	}
	wanted := map[key]bool{}
	for _, s := range w.out.Sessions {
		k := key{Namespace: networking.ReportNamespace, Name: s.Name}
		wanted[k] = true
		if w.untold[s.FloatingIP.String()] {
			continue
		}
		w.sessionObject(k, s)
		if w.overtaken() {
			return
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(w.sessions), key.Compare) {
		if !wanted[k] && !w.untold[w.sessions[k].object.Spec.FloatingIP] {
			w.remove(sessionKind, w.sessions[k].object)
			delete(w.manager.silences, k)
		}
	}
}

// sessionObject brings one BGPSession to what was decided. Its state is its agent's to tell; until that has, and when nothing is heard of it any
// more, the session is NotEstablished.
func (w *writing) sessionObject(k key, s gateway.Session) {
	is, has := w.sessions[k]
	spec := networking.BGPSessionSpec{
		FloatingIP: s.FloatingIP.String(), LocalIP: s.FloatingIP.String(), LocalASN: s.LocalASN, NodeName: s.Node, PeerASN: s.PeerASN, PeerIP: s.PeerIP.String(),
	}
	was := networking.BGPSessionSpec{}
	if has {
		was = is.object.Spec
	}
	if !w.report(sessionKind, k, has, is.object, reflect.DeepEqual(was, spec), spec) {
		return
	}
	if has && was == spec && is.object.Status.State != "" {
		w.silent(k, s, is)
		return
	}
	now, ok := all[*networking.BGPSession](w.manager.store, sessionKind)[k]
	if !ok {
		return
	}
	w.status(sessionKind, now.object, now.at, &networking.BGPSessionStatus{State: networking.SessionNotEstablished, AddPath: received(s)})
}

// received is what is known of the router's ADD-PATH: it stays known when the session moves.
func received(s gateway.Session) []networking.AddPath {
	var out []networking.AddPath
	if s.ManyIPv4 {
		out = append(out, networking.AddPath{Family: networking.IPv4, PeerReceives: true})
	}
	if s.ManyIPv6 {
		out = append(out, networking.AddPath{Family: networking.IPv6, PeerReceives: true})
	}
	return out
}

// routeObjects does the same for BGPAdvertisedRoutes.
func (w *writing) routeObjects() {
	if !w.manager.store.serves(routeKind) {
		return
	}
	wanted := map[key]bool{}
	for _, v := range w.out.VIPs {
		spec := networking.BGPAdvertisedRouteSpec{Prefix: v.Prefix().String(), NextHops: w.nextHops(v)}
		for _, name := range v.Routes {
			k := key{Namespace: networking.ReportNamespace, Name: name}
			wanted[k] = true
			is, has := w.routes[k]
			same := has && reflect.DeepEqual(is.object.Spec, spec)
			if same && ours(is.object) {
				continue
			}
			w.report(routeKind, k, has, is.object, same, spec)
			if w.overtaken() {
				return
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(w.routes), key.Compare) {
		if !wanted[k] && ours(w.routes[k].object) {
			w.remove(routeKind, w.routes[k].object)
			if w.overtaken() {
				return
			}
		}
	}
}

// nextHops are the addresses that a VIP is announced with to routers that receive several, sorted.
func (w *writing) nextHops(v gateway.VIP) []string {
	hops := make([]netip.Addr, 0, len(v.NextHops))
	for _, i := range v.NextHops {
		hops = append(hops, w.out.LoadBalancers[i].Address(v))
	}
	slices.SortFunc(hops, netip.Addr.Compare)
	out := make([]string, 0, len(hops))
	for _, h := range hops {
		out = append(out, h.String())
	}
	return out
}

// ours tells whether the manager made an object.
func ours(o metav1.Object) bool { return o.GetLabels()[gateway.ManagedBy] == gateway.Manager }

// report makes or changes an object of ours, and tells whether it is as it shall be. One of that name that somebody else made is left alone.
func (w *writing) report(kind string, k key, has bool, is metav1.Object, same bool, spec any) bool {
	what := "name " + kind + " " + k.Name
	if has && !ours(is) {
		w.manager.trouble.tell(what, "somebody else has an object of this name, so this one is not told: delete it, or label it as ours",
			"kind", kind, "namespace", k.Namespace, "name", k.Name, "label", gateway.ManagedBy+"="+gateway.Manager)
		return false
	}
	w.manager.trouble.over(what, "the name is free")
	if same {
		return true
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pointer(spec))
	if err != nil || !w.slow() {
		return false
	}
	if !has {
		return w.write(kind, k, func(ctx context.Context) (*unstructured.Unstructured, error) {
			u := w.bare(kind, k)
			u.SetLabels(map[string]string{gateway.ManagedBy: gateway.Manager})
			u.Object["spec"] = content
			return w.client(kind, k.Namespace).Create(ctx, u, metav1.CreateOptions{FieldManager: FieldManager})
		})
	}
	return w.write(kind, k, func(ctx context.Context) (*unstructured.Unstructured, error) {
		if kind == routeKind {
			content["metric"] = nil // which somebody may have set
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": is.GetUID()}, "spec": content})
		if err != nil {
			return nil, err
		}
		return w.client(kind, k.Namespace).Patch(ctx, k.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	})
}

func pointer(spec any) any {
	switch s := spec.(type) {
	case networking.BGPSessionSpec:
		return &s
	case networking.BGPAdvertisedRouteSpec:
		return &s
	}
	panic("BUG: a report of an unknown kind")
}

// remove deletes an object of ours, and no other of its name.
func (w *writing) remove(kind string, o metav1.Object) {
	if !ours(o) || !w.slow() {
		return
	}
	uid := o.GetUID()
	w.write(kind, kubewatch.KeyOf(o), func(ctx context.Context) (*unstructured.Unstructured, error) {
		return nil, w.client(kind, o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	})
}
