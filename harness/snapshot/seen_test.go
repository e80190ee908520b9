package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// saying is a node that answers a script with a text.
type saying struct {
	text string
	err  error
	argv *[]string
}

func (saying) Name() string    { return "n" }
func (saying) Role() node.Role { return node.ControlPlane }
func (s saying) Exec(_ context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	if s.argv != nil {
		*s.argv = argv
	}
	return []byte(s.text), s.err
}

func TestCertificatesComeInTheOrderOfTheirNames(t *testing.T) {
	g := ground()
	lines := func(i int, text string) (out string) {
		for line := range strings.Lines(text) {
			out += fmt.Sprintf("%d pem %s", i, line)
		}
		return out
	}
	file := func(i int, text string) string { return fmt.Sprintf("%d file %s\n", i, b64(text)) }
	ofFile := strings.ReplaceAll(kubeconfigOf("https://x", g.ca, g.server), "client-certificate-data: "+b64(g.server.cert), "client-certificate: /x.pem")
	out := file(2, kubeconfigOf("https://x", g.ca, g.server)) + file(0, g.server.cert+g.ca.cert) + lines(1, g.ca.cert) + "3 why there is no such file\n" +
		file(5, "canary") + file(6, ofFile) + "end\n"
	var argv []string
	names := []string{"/a.crt", "served 2379", "/admin.conf", "/b", "served 1", "/c", "/kubelet.conf"}
	seen := Certificates(t.Context(), saying{text: out, argv: &argv}, names)
	if len(seen) != len(names) || strings.Join(argv[len(argv)-len(names):], ",") != strings.Join(names, ",") {
		t.Fatalf("%d certificates of %q", len(seen), argv)
	}
	for i, want := range []any{g.server, g.ca, g.server, "there is no such file", "nothing answered in time", "PEM", "the file /x.pem: ask for that one"} {
		s := seen[i]
		switch want := want.(type) {
		case pair:
			if s.Err != nil || s.Name != names[i] || s.Certificate.Serial != want.parsed.SerialNumber.Text(16) || !s.Certificate.NotAfter.Equal(want.parsed.NotAfter) ||
				s.Certificate.Subject != want.parsed.Subject.String() || !s.Certificate.NotBefore.Equal(want.parsed.NotBefore) {
				t.Errorf("%s: %+v", names[i], s)
			}
		case string:
			if s.Err == nil || !strings.Contains(s.Err.Error(), want) || !strings.Contains(s.Err.Error(), names[i]) || strings.Contains(s.Err.Error(), "canary") {
				t.Errorf("%s: %v, want %q", names[i], s.Err, want)
			}
		}
	}
}

func TestANodeThatCannotBeAskedHasNoCertificates(t *testing.T) {
	for name, n := range map[string]saying{
		"it is down": {err: &node.ExecError{Node: "n", Stdout: []byte("canary"), Err: errors.New("down")}},
		"cut":        {text: "0 why x\n"}, "another's": {text: "1 why x\nend\n"}, "damaged": {text: "0 file !\nend\n"}, "no answer": {text: "0 what\nend\n"},
	} {
		seen := Certificates(t.Context(), n, []string{"/a"})
		if len(seen) != 1 || seen[0].Err == nil || seen[0].Name != "/a" || strings.Contains(seen[0].Err.Error(), "canary") {
			t.Errorf("%s: %+v", name, seen)
		}
	}
}

func TestAKubeconfigWithoutACurrentCertificateSaysWhatItLacks(t *testing.T) {
	g := ground()
	whole := kubeconfigOf("https://x", g.ca, g.server)
	for _, c := range [][3]string{
		{"current-context: x@kubernetes", "current-context: other", `no context "other"`},
		{"user: x}", "user: z}", `no user "z"`},
		{"    client-certificate-data: " + b64(g.server.cert) + "\n", "", "no certificate"},
		{"kind: Config", "kind: [Config canary", "can be read"},
	} {
		_, err := firstIn([]byte(strings.Replace(whole, c[0], c[1], 1)))
		if err == nil || !strings.Contains(err.Error(), c[2]) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", c[2], err)
		}
	}
}
