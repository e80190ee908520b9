package snapshot

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// apiServer is a Kubernetes API that serves discovery and lists of what the test puts in.
type apiServer struct {
	t          *testing.T
	server     *httptest.Server
	kubeconfig string
	objects    map[string][]map[string]any // by the path of the list
	fails      string                      // requests for this path fail
}

// servedResources are [GROUP/]VERSION/RESOURCE/KIND.
var servedResources = strings.Fields(`
	v1/pods/Pod v1/nodes/Node v1/secrets/Secret v1/configmaps/ConfigMap v1/serviceaccounts/ServiceAccount v1/namespaces/Namespace
	v1/events/Event apps/v1/deployments/Deployment apps/v1/replicasets/ReplicaSet coordination.k8s.io/v1/leases/Lease
	rbac.authorization.k8s.io/v1/clusterrolebindings/ClusterRoleBinding
	admissionregistration.k8s.io/v1/validatingwebhookconfigurations/ValidatingWebhookConfiguration`)

func newAPI(t *testing.T) *apiServer {
	a := &apiServer{t: t, objects: map[string][]map[string]any{}}
	a.server = httptest.NewUnstartedServer(a)
	a.server.EnableHTTP2 = true // as the API server does
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	a.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := kubeconfigOf(a.server.URL, pair{cert: block("CERTIFICATE", a.server.Certificate().Raw)}, pair{})
	config = config[:strings.Index(config, "    client-cert")] + "    username: x\n"
	if err := os.WriteFile(a.kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a.put(site)
	return a
}

// list is the path of the list of a resource's line above.
func list(line string) (path, version, resource, kind string) {
	parts := strings.Split(line, "/")
	resource, kind = parts[len(parts)-2], parts[len(parts)-1]
	version = strings.Join(parts[:len(parts)-2], "/")
	root := "/apis/"
	if version == "v1" {
		root = "/api/"
	}
	return root + version + "/" + resource, version, resource, kind
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == a.fails {
		http.Error(w, "broken", http.StatusServiceUnavailable)
		return
	}
	answer := map[string]any{}
	groups, resources, version := []any{}, []any{}, ""
	for _, line := range servedResources {
		path, v, resource, kind := list(line)
		group, _, grouped := strings.Cut(v, "/")
		if grouped {
			preferred := map[string]any{"groupVersion": v, "version": "v1"}
			groups = append(groups, map[string]any{"name": group, "versions": []any{preferred}, "preferredVersion": preferred})
		}
		if path == r.URL.Path+"/"+resource {
			version = v
			for _, name := range []string{resource, resource + "/status"} {
				resources = append(resources, map[string]any{"name": name, "kind": kind, "verbs": []string{"get", "list"}})
			}
		}
		if r.URL.Path == path {
			items := a.objects[kind]
			answer = map[string]any{"kind": kind + "List", "apiVersion": v, "metadata": map[string]any{}, "items": append([]map[string]any{}, items...)}
		}
	}
	switch {
	case r.URL.Path == "/api":
		answer = map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
	case r.URL.Path == "/apis":
		answer = map[string]any{"kind": "APIGroupList", "groups": groups}
	case version != "":
		answer = map[string]any{"kind": "APIResourceList", "groupVersion": version, "resources": resources}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil && r.Context().Err() == nil {
		a.t.Error(err)
	}
}

// put replaces all objects by those of YAML documents. Each gets an identity and a version as the API server does; a uid
// in the text stays.
func (a *apiServer) put(text string) {
	a.t.Helper()
	a.objects = map[string][]map[string]any{}
	for _, part := range strings.Split(text, "\n---\n") {
		var o map[string]any
		if err := yaml.UnmarshalStrict([]byte(part), &o); err != nil {
			a.t.Fatalf("%v in %s", err, part)
		}
		serials++
		metadata := o["metadata"].(map[string]any)
		metadata["resourceVersion"] = fmt.Sprint(serials)
		if metadata["uid"] == nil {
			metadata["uid"] = fmt.Sprintf("uid-%s", metadata["name"])
		}
		kind := o["kind"].(string)
		a.objects[kind] = append(a.objects[kind], o)
	}
}

func (a *apiServer) take() Snapshot {
	a.t.Helper()
	items, err := takeAPI(a.t.Context(), a.kubeconfig, false)
	if err != nil {
		a.t.Fatal(err)
	}
	return Snapshot{items}
}
