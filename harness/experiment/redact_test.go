package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretsAreTakenOutOfEveryLog(t *testing.T) {
	dir := t.TempDir()
	secret := "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\n"
	for _, name := range []string{"detect.log", "evidence/node/kubelet.log", "evidence/node/network.txt"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("before\n"+secret+"after\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := redactLogs(dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "canary") || !strings.Contains(string(text), "before") {
			t.Errorf("%s: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
