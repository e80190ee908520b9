package guardian

import (
	"bytes"
	"strings"
	"testing"
)

func TestALineIsUnderstoodWholeOrNotAtAll(t *testing.T) {
	for _, m := range []message{{remove, "/out/run/kubeconfig"}, {strays, "/tmp/nov30-tool-1/context \"x\"\n.json"}, {forget, "/a/ü"}, {Do: release}} {
		line, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(line); err != nil || got != m {
			t.Errorf("%s: parsed as %+v, %v", line, got, err)
		}
		for cut := range line {
			if got, err := parse(line[:cut]); err == nil {
				t.Errorf("%q: half a line is taken for %+v", line[:cut], got)
			}
		}
	}
}

func TestWhatIsNoLineOfTheProtocolIsRefused(t *testing.T) {
	for _, line := range []string{
		"", "\n", "release\n", `{"do":"release"}`, `{"do":"release","path":"/a/b"}` + "\n", `{"do":"release"} {"do":"release"}` + "\n",
		`{"do":"release","and":1}` + "\n", `{"do":"free"}` + "\n", `{"do":"remove"}` + "\n", `["release"]` + "\n", "null\n", `{"do":"remove","path":"a/b"}` + "\n",
		`{"do":"remove","path":"/"}` + "\n", `{"do":"remove","path":"/home"}` + "\n", `{"do":"remove","path":"/a/../b/c"}` + "\n",
		`{"do":"remove","path":"/a/b/"}` + "\n", `{"do":"remove","path":"/a/\u0000b"}` + "\n",
		`{"do":"strays","path":"/a/` + strings.Repeat("x", maxPath) + `"}` + "\n",
	} {
		if m, err := parse([]byte(line)); err == nil {
			t.Errorf("%q was taken for %+v", line, m)
		}
	}
}

func TestAPathThatWouldArriveAsAnotherIsNotSent(t *testing.T) {
	for _, path := range []string{"/a/\xff", "/", "/etc", "relative", "", "/a/./b"} {
		if line, err := encode(message{remove, path}); err == nil {
			t.Errorf("%q was sent as %s", path, line)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"do":"remove","path":"/a/b"}` + "\n"))
	f.Add([]byte(`{"do":"release"}` + "\n"))
	f.Add([]byte(`{"DO":"strays","path":"/a/\u00e4\ud800"}` + "\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parse(line)
		if err != nil {
			return
		}
		again, err := encode(m)
		if err != nil {
			t.Fatalf("%q parses as %+v, which cannot be sent: %v", line, m, err)
		}
		if back, err := parse(again); err != nil || back != m {
			t.Fatalf("%+v came back as %+v, %v", m, back, err)
		}
	})
}

// FuzzRead makes sure that whatever a dying harness leaves in the pipe releases only where a whole line says so.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"do":"remove","path":"/a/b"}` + "\n" + `{"do":"release"}`))
	f.Add([]byte(`{"do":"strays","path":"/a/b"}` + "\n" + `{"do":"forget","path":"/a/b"}` + "\n" + `{"do":"release"}` + "\n"))
	f.Add(append(bytes.Repeat([]byte("x"), maxLine+10), "\n{\"do\":\"release\"}\n"...))
	f.Fuzz(func(t *testing.T, input []byte) {
		l := &ledger{}
		l.read(bytes.NewReader(input))
		whole := false
		for line := range bytes.Lines(input) {
			m, err := parse(line)
			whole = whole || err == nil && m.Do == release
		}
		if l.released != whole {
			t.Fatalf("released: %v, a whole release in it: %v", l.released, whole)
		}
		for _, path := range append(l.remove, l.strays...) {
			if err := checkPath(path); err != nil {
				t.Fatalf("would touch %q: %v", path, err)
			}
		}
		if len(input) > 0 && !bytes.HasSuffix(input, []byte("\n")) && !l.released && len(l.garbled) == 0 {
			t.Fatal("a cut line went unnoticed")
		}
	})
}
