package snapshot

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/nov30/nov30/harness/probe"
)

// omittedResources change by themselves or are not what anybody put into the cluster.
var omittedResources = []struct{ group, resource, why string }{
	{"", "events", "what happened, not what is"},
	{"events.k8s.io", "events", "the same"},
	{"coordination.k8s.io", "leases", "renewed all the time; that they are is the nodes probe's business"},
	{"coordination.k8s.io", "leasecandidates", "the same"},
	{"", "endpoints", "follow the pods"},
	{"discovery.k8s.io", "endpointslices", "follow the pods"},
	{"", "componentstatuses", "health, computed when asked for"},
	{"apps", "controllerrevisions", "history of what its owner holds"},
	{"certificates.k8s.io", "certificatesigningrequests", "requests, which kubelets make and controllers clear away"},
	{"storage.k8s.io", "volumeattachments", "follow the pods"},
	{"storage.k8s.io", "csistoragecapacities", "measured by drivers"},
	{"resource.k8s.io", "resourceslices", "published by drivers"},
	{"internal.apiserver.k8s.io", "storageversions", "written by API servers as they start"},
	{"metrics.k8s.io", "*", "measured"},
	{"custom.metrics.k8s.io", "*", "measured"},
	{"external.metrics.k8s.io", "*", "measured"},
}

func omitted(r schema.GroupResource) bool {
	for _, o := range omittedResources {
		if o.group == r.Group && (o.resource == r.Resource || o.resource == "*") {
			return true
		}
	}
	return false
}

// leftOut says whether an object is not taken: it is the probes', or it is being deleted, which is as good as gone.
func leftOut(r schema.GroupResource, o *unstructured.Unstructured) bool {
	probes := o.GetNamespace() == probe.Namespace && r.Group == "" && (r.Resource == "pods" || r.Resource == "configmaps")
	switch {
	case probes && o.GetLabels()[probe.IDLabel] != "":
		return true
	case o.GetDeletionTimestamp() != nil:
		return true
	case r == schema.GroupResource{Resource: "secrets"}:
		kind, _, _ := unstructured.NestedString(o.Object, "type")
		return kind == "bootstrap.kubernetes.io/token" // made for one join, cleared away when it ends
	}
	return false
}

// derivedFrom are the owners whose objects of a resource come and go with their work. Static pods are their manifests'
// on the node, of which the API shows a mirror that the Node owns.
var derivedFrom = map[schema.GroupResource][]string{
	{Resource: "pods"}:                       {"ReplicaSet", "DaemonSet", "StatefulSet", "Job", "ReplicationController", "Node"},
	{Group: "apps", Resource: "replicasets"}: {"Deployment"},
	{Group: "batch", Resource: "jobs"}:       {"CronJob"},
}

// derived says whether a controller makes and replaces an object by itself from one that is taken.
func derived(r schema.GroupResource, o *unstructured.Unstructured) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && slices.Contains(derivedFrom[r], owner.Kind)
}
