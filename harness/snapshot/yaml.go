package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"strconv"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// documents are the YAML or JSON objects in a text; nil when it holds anything else.
func documents(text []byte) []map[string]any {
	var all []map[string]any
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			return nil
		}
		var object map[string]any
		if yaml.UnmarshalStrict(part, &object) != nil {
			return nil
		}
		if len(object) > 0 {
			all = append(all, object)
		}
	}
}

// yaml keeps the objects of a text under path and says whether there were any.
func (d document) yaml(path string, text []byte) bool {
	objects := documents(text)
	for i, object := range objects {
		under := path
		if len(objects) > 1 {
			under = path + "[" + strconv.Itoa(i) + "]"
		}
		d.tree(under, object)
	}
	return len(objects) > 0
}

// embedded keeps a text that holds an object of Kubernetes, such as a kubeconfig in a ConfigMap, and says whether it did.
func (d document) embedded(path, text string) bool {
	if !ofKubernetes([]byte(text)) {
		return false
	}
	return d.yaml(path, []byte(text))
}

// ofKubernetes says whether a text may be an object of Kubernetes.
func ofKubernetes(text []byte) bool {
	return bytes.Contains(text, []byte("apiVersion")) && bytes.Contains(text, []byte("kind"))
}

// secretData keeps what a Secret holds, hidden, and returns the rest of it. Certificates are no secret.
func (d document) secretData(path string, secret map[string]any) map[string]any {
	rest := maps.Clone(secret)
	for _, field := range []string{"data", "stringData"} {
		data, _ := secret[field].(map[string]any)
		delete(rest, field)
		sibling := func(name string) []byte {
			text, _ := data[name].(string)
			pem, _ := pemIn(text)
			return pem
		}
		for name, value := range data {
			text := scalar(value)
			if pem, ok := pemIn(text); ok {
				d.pem(dataPath(path, field, name), name, pem, sibling)
				continue
			}
			d.hide(dataPath(path, field, name), []byte(text))
		}
	}
	return rest
}

// dataPath is the path of one value of a Secret, whose names have dots and no values of their own below them.
func dataPath(path, field, name string) string { return join(path, field) + "." + name }
