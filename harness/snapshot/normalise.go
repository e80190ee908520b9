package snapshot

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ownAnnotations are written by controllers, kubelet or kubectl beside what somebody asked for. One that ends in / stands
// for all that begin so.
var ownAnnotations = []string{
	"deployment.kubernetes.io/revision",
	"deprecated.daemonset.template.generation",
	"kubectl.kubernetes.io/last-applied-configuration", // holds the content of Secrets
	"kubectl.kubernetes.io/restartedAt",                // a restart is no change of content
	"control-plane.alpha.kubernetes.io/leader",
	"node.alpha.kubernetes.io/ttl",
	"volumes.kubernetes.io/controller-managed-attach-detach",
	"csi.volume.kubernetes.io/nodeid",
	"alpha.kubernetes.io/provided-node-ip",
	"flannel.alpha.coreos.com/",
}

// ownTaints are put on nodes by controllers as the nodes' conditions and spec.unschedulable, which is taken, say.
var ownTaints = []string{
	"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable",
	"node.kubernetes.io/memory-pressure", "node.kubernetes.io/disk-pressure", "node.kubernetes.io/pid-pressure",
	"node.kubernetes.io/network-unavailable",
}

// normalise takes out of an object what is not its content: its status, what the API server writes into its metadata, and
// what controllers write by themselves.
func normalise(r schema.GroupResource, o *unstructured.Unstructured) {
	for _, field := range []string{"apiVersion", "status"} {
		delete(o.Object, field)
	}
	metadata, _ := o.Object["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "selfLink"} {
		delete(metadata, field)
	}
	for _, owner := range objects(metadata["ownerReferences"]) {
		delete(owner, "uid")
	}
	withoutOwnAnnotations(metadata)
	for _, template := range [][]string{{"spec", "template", "metadata"}, {"spec", "jobTemplate", "spec", "template", "metadata"}} {
		if m, ok, _ := unstructured.NestedFieldNoCopy(o.Object, template...); ok {
			m, _ := m.(map[string]any)
			withoutOwnAnnotations(m)
			delete(m, "creationTimestamp")
		}
	}
	if special := specials[r]; special != nil {
		special(o)
	}
}

func withoutOwnAnnotations(metadata map[string]any) {
	annotations, _ := metadata["annotations"].(map[string]any)
	for name := range annotations {
		if slices.ContainsFunc(ownAnnotations, func(own string) bool {
			return name == own || strings.HasSuffix(own, "/") && strings.HasPrefix(name, own)
		}) {
			delete(annotations, name)
		}
	}
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
}

// specials are the resources of which controllers write more than that.
var specials = map[schema.GroupResource]func(*unstructured.Unstructured){
	{Resource: "nodes"}:           normaliseNode,
	{Resource: "serviceaccounts"}: normaliseServiceAccount,
	{Resource: "configmaps"}:      normaliseConfigMap,
}

func normaliseNode(o *unstructured.Unstructured) {
	spec, _ := o.Object["spec"].(map[string]any)
	var taints []any
	for _, taint := range objects(spec["taints"]) {
		name, _ := taint["key"].(string)
		if !slices.Contains(ownTaints, name) {
			delete(taint, "timeAdded")
			taints = append(taints, taint)
		}
	}
	delete(spec, "taints")
	if len(taints) > 0 {
		spec["taints"] = taints
	}
}

// ownToken is the name of a token's Secret that a controller made for a service account (before Kubernetes 1.24).
var ownToken = regexp.MustCompile(`-(token|dockercfg)-[a-z0-9]{5}$`)

func normaliseServiceAccount(o *unstructured.Unstructured) {
	var secrets []any
	for _, secret := range objects(o.Object["secrets"]) {
		if name, _ := secret["name"].(string); !ownToken.MatchString(name) {
			secrets = append(secrets, secret)
		}
	}
	delete(o.Object, "secrets")
	if len(secrets) > 0 {
		o.Object["secrets"] = secrets
	}
}

// normaliseConfigMap takes the signatures off cluster-info that come and go with bootstrap tokens.
func normaliseConfigMap(o *unstructured.Unstructured) {
	data, _ := o.Object["data"].(map[string]any)
	for name := range data {
		if o.GetNamespace() == "kube-public" && o.GetName() == "cluster-info" && strings.HasPrefix(name, "jws-kubeconfig-") {
			delete(data, name)
		}
	}
}

func objects(list any) []map[string]any {
	var all []map[string]any
	items, _ := list.([]any)
	for _, it := range items {
		if object, ok := it.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}
