package snapshot

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

func TestADiffIsBounded(t *testing.T) {
	doc := document{}
	for i := range 300 {
		doc.set(fmt.Sprintf("path%03d", i), strings.Repeat("ä", 500))
	}
	text := show(nil, doc)
	if n := strings.Count(text, "\n") + 1; n > maxLines+1 || len(text) > 2048 {
		t.Errorf("%d lines, %d bytes", n, len(text))
	}
	if !strings.Contains(text, "… and 288 more") {
		t.Errorf("it does not say how much is missing: %s", text)
	}
}

func TestALineStaysALine(t *testing.T) {
	doc := document{}
	doc.tree("", map[string]any{"a": []any{"x\ny"}, "b": "esc\x1b[2J\rend"})
	if got, want := show(nil, doc), "+a[]: \"x\\ny\"\n+b: esc [2J end"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	jwt := "eyJhbGciOiJSUzI1NiIs.canary.canary-_"
	for name, object := range map[string]map[string]any{
		"a Secret":                     {"kind": "Secret", "stringData": map[string]any{"x": "canary"}},
		"a Secret in a list":           {"items": []any{map[string]any{"kind": "Secret", "data": map[string]any{"x": "canary"}}}},
		"a variable":                   {"env": []any{map[string]any{"name": "API_TOKEN", "value": "canary"}}},
		"a flag":                       {"command": []any{"x", "--token=canary"}},
		"a field":                      {"password": "canary"},
		"a line of a text":             {"data": map[string]any{"conf": "user: me\npassword: canary\n"}},
		"a token in a text":            {"note": "it is " + jwt},
		"a kubeconfig in a ConfigMap":  {"data": map[string]any{"kubeconfig.conf": "apiVersion: v1\nkind: Config\nusers: [{name: x, user: {token: canary}}]"}},
		"a key without a certificate":  {"x": ground().server.key},
		"a key in base64":              {"x": b64(ground().server.key)},
		"a key in the text of a value": {"x": "key:\n" + ground().server.key},
	} {
		doc := document{}
		doc.tree("", object)
		empty := document{}
		empty.tree("", map[string]any{})
		for _, text := range []string{show(nil, doc), show(doc, nil), show(empty, doc)} {
			key := strings.Split(ground().server.key, "\n")[1]
			if text == "" || strings.Contains(text, "canary") || strings.Contains(text, key) || strings.Contains(text, b64(ground().server.key)[100:140]) {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

func TestDiffIsTheSameEveryTimeAndSorted(t *testing.T) {
	before, after := Snapshot{map[key]item{}}, Snapshot{map[key]item{}}
	for i := range 50 {
		k := key{node: fmt.Sprint("n", i%3), object: fmt.Sprint("/", rand.Intn(1000), "/", i)}
		before.items[k] = item{doc: document{"a": {text: "x"}, "b": {text: "y"}}}
		after.items[k] = item{doc: document{"a": {text: "z"}, "b": {text: "z"}}}
	}
	first := fmt.Sprint(Diff(before, after))
	for range 20 {
		if got := fmt.Sprint(Diff(before, after)); got != first {
			t.Fatalf("%s\nand then\n%s", first, got)
		}
	}
	changes := Diff(before, after)
	for i := 1; i < len(changes); i++ {
		a, b := changes[i-1], changes[i]
		if a.Node > b.Node || a.Node == b.Node && a.Object >= b.Object {
			t.Errorf("%s %s stands before %s %s", a.Node, a.Object, b.Node, b.Object)
		}
	}
	if len(changes) != 50 {
		t.Errorf("%d changes", len(changes))
	}
}

func TestFlagsAreASetOnlyWhereTheirOrderSaysNothing(t *testing.T) {
	of := func(words ...any) document {
		d := document{}
		d.tree("", map[string]any{"command": words})
		return d
	}
	for _, c := range []struct {
		a, b document
		same bool
	}{
		{of("x", "--a=1", "--b=2"), of("x", "--b=2", "--a=1"), true},
		{of("x", "--a", "1", "--b", "2"), of("x", "--a", "2", "--b", "1"), false},
		{of("x", "--a=1", "--a=2"), of("x", "--a=2", "--a=1"), false},
		{of("x", "--a=1"), of("x", "--a=1", "--a=1"), false},
		{of("x", "--a"), of("x", "--a="), false},
		{of("x", "y"), of("y", "x"), false},
	} {
		if same := len(contentDiffers(c.a, c.b)) == 0; same != c.same {
			t.Errorf("%v and %v: same %t", c.a, c.b, same)
		}
	}
}

func TestValuesOfOtherKindsAreNotTheSame(t *testing.T) {
	values := []any{"true", true, "1", 1, nil, "null", "", map[string]any{}, []any{}, []any{""}, map[string]any{"a.b": 1}, map[string]any{"a": map[string]any{"b": 1}},
		[]any{map[string]any{"name": "a"}, map[string]any{"name": "b"}}, []any{map[string]any{"name": "b"}, map[string]any{"name": "a"}}}
	for i, a := range values {
		for j, b := range values {
			was, is := document{}, document{}
			was.tree("x", a)
			is.tree("x", b)
			if same := len(contentDiffers(was, is)) == 0; same != (i == j) {
				t.Errorf("%#v and %#v: same %t", a, b, same)
			}
		}
	}
}
