package snapshot

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The kinds of files.
const (
	regular   = "regular file"
	link      = "symbolic link"
	directory = "directory"
)

// The paths of what is not in a file but about it. No path in a document of YAML has a space outside of brackets.
const (
	fileType  = "file type"
	fileMode  = "file mode"
	fileOwner = "file owner"
)

// file is one file of a node.
type file struct {
	path, kind  string
	mode, owner string // 0644, 0:0
	link        string // where a symbolic link points
	data        []byte // may be a private key
	sha256      string // instead of data, of a big one
}

// ofPod are the files in which systemd notes the limits of a pod's control group, for as long as the pod lives.
var ofPod = regexp.MustCompile(`^/run/systemd/(system\.control|transient)/(kubelet-)?kubepods[-.]`)

// own says whether a file is scaffolding of nov30's faults and reverts, which another check watches: what a write leaves
// beside its file (hidden, so that kubelet does not read it), the directory below /var/lib and the unit of the time limit; or
// comes and goes with a pod.
func own(name string) bool {
	base := path.Base(name)
	return ofPod.MatchString(name) || strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".nov30") ||
		strings.HasPrefix(base, "nov30-ttl") && strings.Contains(name, "/systemd/") || strings.HasPrefix(name, "/var/lib/nov30/")
}

// item is the file as an object of a snapshot. Beside its content its mode and owner count: a key that everybody can read
// is none.
func (f file) item(at func(string) (file, bool)) item {
	i := item{doc: document{fileType: {text: f.kind}, fileMode: {text: f.mode}, fileOwner: {text: f.owner}},
		family: family(f.path), quiet: f.kind == directory}
	switch {
	case f.kind == link:
		delete(i.doc, fileMode) // says nothing
		f.pointsTo(i.doc, at)
	case f.sha256 != "":
		i.doc.set("content", "SHA-256 "+f.sha256)
	case f.kind == regular:
		f.content(i.doc, at)
	}
	return i
}

// rotated are the files that kubelet makes a new one of, under the date, for each certificate it gets. The link
// kubelet-client-current.pem points to the newest.
var rotated = regexp.MustCompile(`^(/var/lib/kubelet/pki/kubelet-(?:client|server))-\d{4}(-\d\d){5}\.pem$`)

func family(name string) string {
	m := rotated.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return m[1] + "-DATE.pem"
}

func (f file) pointsTo(doc document, at func(string) (file, bool)) {
	target := f.link
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(f.path), target)
	}
	same := family(target)
	if same == "" {
		doc.set("target", f.link)
		return
	}
	doc["target"] = leaf{text: same, life: target}
	if _, ok := at(target); !ok {
		doc.set("target", target+", which does not exist")
	}
}

// content keeps what a file says in the form it has: YAML or JSON, PEM, the flags of kubeadm-flags.env, a text, or bytes.
func (f file) content(doc document, at func(string) (file, bool)) {
	sibling := func(name string) []byte {
		other, _ := at(path.Join(path.Dir(f.path), name))
		return other.data
	}
	structured := slices.Contains([]string{".yaml", ".yml", ".json", ".conflist"}, path.Ext(f.path)) || ofKubernetes(f.data)
	switch {
	case structured && doc.yaml("", f.data):
	case slices.Contains(pemFiles, ext(f.path)) && bytes.Contains(f.data, []byte("-----BEGIN ")):
		doc.pem("", path.Base(f.path), f.data, sibling)
	case f.secret(), !utf8.Valid(f.data), bytes.ContainsRune(f.data, 0):
		doc.hide("content", f.data)
	case path.Ext(f.path) == ".env":
		doc.environment(string(f.data))
	default:
		doc["content"] = leaf{text: strings.TrimSuffix(string(f.data), "\n")}
	}
}

// secret says whether a text is hidden as a whole: hashes of passwords, what could not be read as the object with secrets
// that it seems to be.
func (f file) secret() bool {
	base := path.Base(f.path)
	return strings.Contains(base, "shadow") || secretName.MatchString(base) && base != "passwd" || slices.Contains(pemFiles, ext(base)) ||
		ofKubernetes(f.data) || bytes.Contains(f.data, []byte("PRIVATE KEY")) ||
		path.Dir(f.path) == "/root/.ssh" && !strings.HasPrefix(base, "authorized_keys")
}

// environment keeps a file of NAME="VALUE" lines; a value that consists of flags as the set of them.
func (d document) environment(text string) {
	for line := range strings.Lines(text) {
		name, value, given := strings.Cut(strings.TrimSpace(line), "=")
		if name == "" {
			continue
		}
		words := []any{}
		for _, w := range strings.Fields(strings.Trim(value, `"'`)) {
			words = append(words, w)
		}
		if !given || !d.flags(name, words) {
			d.set(join("content", name), value)
		}
	}
}
