package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// atOnce is how many lists are asked for at the same time.
const atOnce = 16

// takeAPI takes every object of every resource that can be listed and is not in the table of omitted ones, over
// connections of its own.
func takeAPI(ctx context.Context, kubeconfig string, exact bool) (map[key]item, error) {
	config, client, err := connect(ctx, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	defer client.CloseIdleConnections()
	resources, err := listable(config, client)
	if err != nil {
		return nil, fmt.Errorf("the API's resources: %w", err)
	}
	lists, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	all := map[key]item{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, r := range resources {
		group.Go(func() error {
			list, err := lists.Resource(r).List(ctx, metav1.ListOptions{})
			if err != nil {
				return fmt.Errorf("list %s: %w", r.GroupResource(), err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range list.Items {
				keep(all, r.GroupResource(), &list.Items[i], exact)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the API %w: not one object", ErrNoData)
	}
	return all, nil
}

// keep puts an object into the snapshot, normalised, unless it is left out. An exact one has its generation, and what
// controllers made.
func keep(all map[key]item, r schema.GroupResource, o *unstructured.Unstructured, exact bool) {
	if leftOut(r, o) || !exact && derived(r, o) {
		return
	}
	generation := o.GetGeneration()
	name, uid := r.String()+"/"+o.GetNamespace()+"/"+o.GetName(), string(o.GetUID())
	normalise(r, o)
	doc := document{}
	doc.tree("", o.Object)
	if exact && generation != 0 {
		doc.set("metadata.generation", strconv.FormatInt(generation, 10))
	}
	for _, path := range []string{"kind", "metadata.name", "metadata.namespace"} { // they are in the object's name
		delete(doc, path)
	}
	all[key{object: name}] = item{doc: doc, uid: uid}
}

// connect opens nothing yet: it makes a client whose connections nobody else uses, because client-go keeps those it makes
// itself and one from before a restart of the API would fail the take.
func connect(ctx context.Context, kubeconfig string) (*rest.Config, *http.Client, error) {
	raw, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config, err := clientcmd.NewDefaultClientConfig(*raw, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, nil, err
	}
	if config.Insecure {
		return nil, nil, errors.New("it does not check who answers (insecure-skip-tls-verify)")
	}
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, nil, err
	}
	config.QPS = -1 // no limit: this is one burst
	config.UserAgent = "nov30-snapshot"
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true, DisableCompression: true}
	return config, &http.Client{Transport: bounded{ctx, transport}}, nil
}

// bounded ends requests with the take: client-go's discovery takes no context.
type bounded struct {
	ctx  context.Context
	next *http.Transport
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Done() == nil {
		r = r.WithContext(b.ctx)
	}
	return b.next.RoundTrip(r)
}

// CloseIdleConnections is called by http.Client's.
func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

// listable are the resources to take, each in the version that its group prefers. A group that cannot be discovered is an
// error: its objects would look as if they were gone.
func listable(config *rest.Config, client *http.Client) ([]schema.GroupVersionResource, error) {
	found, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	lists, err := discovery.ServerPreferredResources(found)
	if err != nil {
		return nil, err
	}
	var resources []schema.GroupVersionResource
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, r := range list.APIResources {
			resource := version.WithResource(r.Name)
			if !strings.Contains(r.Name, "/") && has(r.Verbs, "list") && !omitted(resource.GroupResource()) {
				resources = append(resources, resource)
			}
		}
	}
	return resources, nil
}

func has(verbs metav1.Verbs, verb string) bool {
	for _, v := range verbs {
		if v == verb {
			return true
		}
	}
	return false
}
