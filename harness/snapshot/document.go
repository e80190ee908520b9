package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// key names an object: a node and the object in the words of slo.Change.
type key struct {
	node, object string
}

// item is one object of a snapshot.
type item struct {
	doc document
	// uid is the identity of an object of the API; files and units have none.
	uid string
	// family is shared by files that stand in for one another, as the dated files of kubelet's certificates do. Empty: the
	// file stands for itself.
	family string
	// quiet objects count where they differ and not where they come or go: directories.
	quiet bool
}

// document is an object's content, taken apart: each value under its path.
type document map[string]leaf

// leaf is one value.
type leaf struct {
	text   string // as it is shown; of a secret its SHA-256, which never is
	secret bool
	// bits is the strength of a key in bits of security. A stronger key is no weakening, so that only fewer bits differ.
	bits int
	// life is what the renewal of a certificate or a key changes, as it is shown; of a key its SHA-256.
	life string
	// ends is when a certificate ends. One that ends earlier than the one it took the place of is weaker, not renewed.
	ends time.Time
}

// differs says whether a change from l to other is more than a renewal.
func (l leaf) differs(other leaf) bool {
	if l.bits > 0 && other.bits > 0 {
		return other.bits < l.bits
	}
	if !l.ends.IsZero() && other.ends.Before(l.ends.Add(-time.Hour)) { // an hour for clocks and rounding
		return true
	}
	return l.text != other.text || l.secret != other.secret
}

// set keeps a value. What its path or its line says is a secret is kept as a sum only.
func (d document) set(path, text string) {
	if sensitive(path, text) {
		d.hide(path, []byte(text))
		return
	}
	d[path] = leaf{text: text}
}

// hide keeps a secret: only whether it changes can be told.
func (d document) hide(path string, secret []byte) {
	d[path] = leaf{text: sum(secret), secret: true}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// join puts a name under a path. A name that is no plain word stands in brackets, so that no two paths look the same.
func join(path, name string) string {
	switch {
	case strings.ContainsAny(name, "./[] \n"):
		return path + "[" + name + "]"
	case path == "":
		return name
	}
	return path + "." + name
}
