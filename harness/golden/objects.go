package golden

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/nov30/nov30/harness/nodestate"
)

// madeByComponents begin the keys of what the cluster's own components write for themselves as they start, of what follows from
// pods, and of what belongs to processes that are gone.
var madeByComponents = []string{
	"/registry/events/", "/registry/leases/", "/registry/masterleases/", "/registry/certificatesigningrequests/",
	"/registry/services/endpoints/", "/registry/endpointslices/",
	"/registry/configmaps/kube-system/extension-apiserver-authentication",
	"/registry/configmaps/kube-system/kube-apiserver-legacy-service-account-token-tracking",
}

func taken(key string) bool {
	return !slices.ContainsFunc(madeByComponents, func(p string) bool { return strings.HasPrefix(key, p) })
}

// object makes an object the new cluster's. Its value is nil for one that is not the new cluster's.
func (m *maker) object(o nodestate.GoldenObject) (nodestate.GoldenObject, error) {
	o.Key, o.Value = m.names.in(o.Key), m.identities(o.Value)
	if !m.touches(o) {
		return o, nil
	}
	old, _, err := scheme.Codecs.UniversalDeserializer().Decode(o.Value, nil, nil)
	if err != nil {
		return o, fmt.Errorf("it must be changed and is of no known type") // the error may hold what it could not read
	}
	changed, err := m.decoded(o.Key, old)
	if err != nil || changed == nil {
		o.Value = nil
		return o, err
	}
	var out bytes.Buffer
	err = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(changed, &out)
	o.Value = out.Bytes()
	return o, err
}

// edits are changes of whole kinds of objects, by the beginnings of their keys. One that returns false drops the object.
var edits = map[string]func(m *maker, object map[string]any) bool{
	"/registry/pods/":    (*maker).pod,
	"/registry/minions/": (*maker).registered,
	"/registry/secrets/kube-system/bootstrap-token-": (*maker).bootstrapToken,
}

// touches says whether an object must be changed.
func (m *maker) touches(o nodestate.GoldenObject) bool {
	for prefix := range edits {
		if strings.HasPrefix(o.Key, prefix) {
			return true
		}
	}
	for old := range m.names.now {
		if bytes.Contains(o.Value, []byte(old)) {
			return true
		}
	}
	return bytes.Contains(o.Value, []byte("-----BEGIN ")) || bytes.Contains(o.Value, []byte("LS0tLS1CRUdJTi")) ||
		bytes.Contains(o.Value, []byte(m.names.state.Run))
}

// decoded changes an object in the form in which names of any length can take each other's place.
func (m *maker) decoded(key string, old runtime.Object) (runtime.Object, error) {
	text, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber()
	if err := reader.Decode(&tree); err != nil {
		return nil, err
	}
	if err := m.walk(tree); err != nil {
		return nil, err
	}
	for prefix, edit := range edits {
		if strings.HasPrefix(key, prefix) && !edit(m, tree) {
			return nil, nil
		}
	}
	if text, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	changed, err := scheme.Scheme.New(old.GetObjectKind().GroupVersionKind())
	if err == nil {
		err = json.Unmarshal(text, changed)
	}
	return changed, err
}

// walk changes every text of a tree.
func (m *maker) walk(tree any) (err error) {
	switch t := tree.(type) {
	case map[string]any:
		for key, value := range t {
			if s, is := value.(string); is {
				if key == "nov30.run" && s == m.names.state.Run {
					t[key] = m.run
				} else if t[key], err = m.text(s); err != nil {
					return err
				}
			} else if err := m.walk(value); err != nil {
				return err
			}
		}
	case []any:
		for i, value := range t {
			if s, is := value.(string); is {
				if t[i], err = m.text(s); err != nil {
					return err
				}
			} else if err := m.walk(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// uid is the form of an object's identity.
var uid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// identities gives every object an identity of its own, and its owner's to what it owns. Their length is always the same, so
// this is safe in protobuf.
func (m *maker) identities(value []byte) []byte {
	return uid.ReplaceAllFunc(value, func(old []byte) []byte {
		if m.ids[string(old)] == "" {
			m.ids[string(old)] = newUID()
		}
		return []byte(m.ids[string(old)])
	})
}

// newUID is a random UUID, RFC 9562 version 4.
func newUID() string {
	var b [16]byte
	rand.Read(b[:]) // crypto/rand never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// pod keeps the pods that controllers made, as ones that were just scheduled: what their status said was another cluster's. The
// static pods' are made by kubelet.
func (m *maker) pod(pod map[string]any) bool {
	meta := child(pod, "metadata")
	owners, _ := meta["ownerReferences"].([]any)
	if len(owners) != 1 || meta["deletionTimestamp"] != nil {
		return false
	}
	if owner, _ := owners[0].(map[string]any); owner["kind"] == "Node" {
		return false
	}
	m.images(pod)
	m.born(meta)
	pod["status"] = map[string]any{"phase": "Pending", "qosClass": child(pod, "status")["qosClass"],
		"conditions": []any{map[string]any{"type": "PodScheduled", "status": "True", "lastProbeTime": nil, "lastTransitionTime": m.time()}}}
	return true
}

// images notes which images a node is going to need.
func (m *maker) images(pod map[string]any) {
	spec := child(pod, "spec")
	node, _ := spec["nodeName"].(string)
	containers, _ := spec["containers"].([]any)
	for _, c := range containers {
		c, _ := c.(map[string]any)
		if image, _ := c["image"].(string); image != "" && !slices.Contains(m.needed[node], image) {
			m.needed[node] = append(m.needed[node], image)
		}
	}
}

// registered makes a node one that has just registered: kubelet has not said yet how it is.
func (m *maker) registered(node map[string]any) bool {
	m.born(child(node, "metadata"))
	for _, said := range []string{"conditions", "images", "nodeInfo"} { // with another boot's id it would have been rebooted
		delete(child(node, "status"), said)
	}
	spec := child(node, "spec")
	taints, _ := spec["taints"].([]any)
	taints = slices.DeleteFunc(taints, func(t any) bool {
		taint, _ := t.(map[string]any)
		key, _ := taint["key"].(string)
		return strings.HasPrefix(key, "node.kubernetes.io/")
	})
	if spec["taints"] = taints; len(taints) == 0 {
		delete(spec, "taints")
	}
	return true
}

// tokenLife is how long kubeadm's bootstrap token lives, which kind leaves as it is.
const tokenLife = 24 * time.Hour

// bootstrapToken gives the token, which is the same one in every cluster of kind's, its life again.
func (m *maker) bootstrapToken(secret map[string]any) bool {
	m.born(child(secret, "metadata"))
	child(secret, "data")["expiration"] = base64.StdEncoding.EncodeToString([]byte(m.now.Add(tokenLife).UTC().Format(time.RFC3339)))
	return true
}

// born says that an object was made now: controllers count from it.
func (m *maker) born(meta map[string]any) { meta["creationTimestamp"] = m.time() }

func (m *maker) time() string { return m.now.UTC().Format(time.RFC3339) }

// child is the map below a key, or an empty one.
func child(tree map[string]any, key string) map[string]any {
	if below, is := tree[key].(map[string]any); is {
		return below
	}
	return map[string]any{}
}
