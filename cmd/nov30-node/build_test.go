package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sizeLimit keeps the copy into every node quick: this takes 0.2 s. Most of it is gRPC, which containerd and etcd speak.
const sizeLimit = 20 << 20

func TestTheProgramIsStaticAndSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nov30-node")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() > sizeLimit {
		t.Errorf("%d bytes, want at most %d (%v)", st.Size(), sizeLimit, err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic linker")
		}
	}
	out, err := exec.CommandContext(t.Context(), path, "--help").Output()
	if err != nil || !strings.Contains(string(out), "nov30-node") {
		t.Errorf("%q, %v", out, err)
	}
}

// It speaks to containerd, as kubelet does; the API is for programs outside.
func TestTheProgramKnowsNothingOfTheAPI(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("only %d packages", len(deps))
	}
	for _, d := range deps {
		if strings.HasPrefix(d, "k8s.io/") && !strings.HasPrefix(d, "k8s.io/cri-api/") || strings.HasPrefix(d, "sigs.k8s.io/") || strings.HasPrefix(d, "github.com/onsi/") || d == "testing" {
			t.Errorf("it depends on %s", d)
		}
	}
}
