package engine

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestAPrivilegedContainerMustStartAndHaveSysAdmin(t *testing.T) {
	for name, c := range map[string]struct {
		run  func() (string, error)
		want capabilities
		ok   bool
	}{
		"starts":                 {says(`{"sys_admin":true,"sys_time":false}`), capabilities{Admin: true}, true},
		"could move the clock":   {says(`{"sys_admin":true,"sys_time":true}`), capabilities{Admin: true, Time: true}, true},
		"without CAP_SYS_ADMIN":  {says(`{"sys_admin":false}`), capabilities{}, false},
		"refused by runc":        {fails("unable to apply caps: operation not permitted"), capabilities{}, false},
		"prints nothing":         {says(""), capabilities{}, false},
		"prints something else":  {says("hello"), capabilities{}, false},
		"prints an empty object": {says("{}"), capabilities{}, false},
	} {
		f := newFake(t)
		f.script["docker run"] = c.run
		got, err := f.probe(t.Context(), &Engine{Name: Docker, Bin: "/bin/docker"})
		if c.ok && (err != nil || got != c.want) || !c.ok && !errors.Is(err, ErrPrivileged) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestTheProbesImageIsMadeOnce(t *testing.T) {
	f := newFake(t)
	have := false
	f.script["docker image inspect"] = func() (string, error) {
		if !have {
			return "", errors.New("No such image")
		}
		return "sha256:1", nil
	}
	f.script["docker import"] = func() (string, error) { have = true; return "", nil }
	e := &Engine{Name: Docker, Bin: "/bin/docker"}
	for range 2 {
		if _, err := f.probe(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	imports := 0
	for _, line := range f.ran {
		if len(line) > 13 && line[:13] == "docker import" {
			imports++
		}
	}
	if imports != 1 || f.builds != 1 {
		t.Errorf("imported %d times, built %d times", imports, f.builds)
	}
}

func TestTheImageHoldsTheProgramAlone(t *testing.T) {
	program := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(program, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive, err := tarOf(program, "capprobe")
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(archive)
	h, err := r.Next()
	if err != nil || h.Name != "capprobe" || h.Mode != 0o755 {
		t.Fatalf("%+v, %v", h, err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("there is more: %v", err)
	}
}
