package snapshot

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

// printed is what the script prints of a small node.
func printed(t testing.TB) []byte {
	d := newDirectory(t)
	d.put("/etc/hosts", "x\n", 0o644)
	d.put("/usr/bin/kubelet", string(make([]byte, 2<<20)), 0o755|os.ModeSetuid)
	d.link("/etc/resolv.conf", "/run/x")
	var out []byte
	d.out = func(b []byte) []byte { out = b; return b }
	d.take()
	return out
}

func TestTheNodesOutputIsReadWhole(t *testing.T) {
	c, err := parseNode(printed(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]file{
		"/etc/hosts":       {kind: regular, mode: "0644", data: []byte("x\n")},
		"/etc/resolv.conf": {kind: link, mode: "0777", link: "/run/x"},
		"/usr/bin/kubelet": {kind: regular, mode: "04755", sha256: sum(make([]byte, 2<<20))},
	} {
		got, ok := c.named(path)
		if !ok || got.kind != want.kind || got.mode != want.mode || got.link != want.link || string(got.data) != string(want.data) || got.sha256 != want.sha256 {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
	if len(c.files) != 3 || len(c.units) != 1 || c.units[0] != (unit{"kubelet.service", "loaded", "active", "enabled"}) {
		t.Errorf("%d files, units %v", len(c.files), c.units)
	}
}

func TestOutputThatIsCutAnywhereIsAnError(t *testing.T) {
	out := printed(t)
	for cut := range len(out) {
		if _, err := parseNode(out[:cut]); !errors.Is(err, ErrNodeOutput) {
			t.Fatalf("cut after %d of %d bytes: %v", cut, len(out), err)
		}
	}
	whole, _ := bytes.CutSuffix(out, []byte("end\n"))
	for _, rest := range [][]byte{nil, whole[:len(whole)-10240], append(bytes.TrimRight(whole, "\x00"), 0)} {
		if _, err := parseNode(append(bytes.Clone(rest), "end\n"...)); !errors.Is(err, ErrNodeOutput) {
			t.Errorf("%d of %d bytes and the end: %v", len(rest), len(whole), err)
		}
	}
}

func FuzzParseNode(f *testing.F) {
	f.Add(printed(f))
	f.Add([]byte("end\n"))
	f.Add([]byte(oneUnit + "\x00\x00end\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		c, err := parseNode(out)
		if err != nil && !errors.Is(err, ErrNodeOutput) {
			t.Fatalf("%v", err)
		}
		for _, file := range c.files {
			if got, ok := c.named(file.path); !ok || got.path != file.path || file.path[0] != '/' {
				t.Fatalf("%q cannot be found", file.path)
			}
			show(nil, file.item(c.named).doc)
		}
	})
}

func FuzzParseSeen(f *testing.F) {
	f.Add("0 file eA==\n1 pem -----BEGIN CERTIFICATE-----\n2 why nothing\nend\n")
	f.Add("end\n")
	f.Fuzz(func(t *testing.T, out string) {
		answers, err := parseSeen(out, 3)
		if err != nil && !errors.Is(err, ErrNodeOutput) || err == nil && len(answers) != 3 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		for _, a := range answers {
			if c, err := a.certificate(); err == nil && c.Serial == "" {
				t.Fatal("a certificate without a serial")
			}
		}
	})
}
