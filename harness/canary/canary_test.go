package canary

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/redact"
)

func TestACanaryIsPlantedForItsOwnerAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("gives files to root, which only root can")
	}
	cl := journaltest.New(t, node.Worker, node.ControlPlane)
	master := cl.Directories[1]
	c := New()
	if err := c.Plant(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{KeyFile: c.pem(), EnvFile: c.env()} {
		if info, err := os.Stat(master.Host(path)); err != nil || info.Mode() != 0o600 || master.Content(path) != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if found, err := c.Search(master.Host("/etc")); err != nil || len(found) != 2 {
		t.Errorf("found %q, %v", found, err)
	}
}

func TestWhatIsThereAlreadyIsNotOverwritten(t *testing.T) {
	cl := journaltest.New(t, node.ControlPlane)
	cl.Directories[0].Put(KeyFile, []byte("another run's"), 0o600)
	if err := New().Plant(t.Context(), cl); err == nil || !strings.Contains(err.Error(), KeyFile) {
		t.Error(err)
	}
	if got := cl.Directories[0].Content(KeyFile); got != "another run's" {
		t.Errorf("holds %q", got)
	}
}

func TestPlantFailsWhereTheNodeOnlySaysItWrote(t *testing.T) {
	cl := journaltest.New(t, node.ControlPlane)
	c := New()
	cl.Directories[0].Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if strings.Contains(strings.Join(argv, " "), "mv -fT") {
			return nil, nil
		}
		return run()
	}
	err := c.Plant(t.Context(), cl)
	if !errors.Is(err, nodeop.ErrDiffers) || c.needles().in([]byte(err.Error())) {
		t.Errorf("got %v", err)
	}
	if err := c.Plant(t.Context(), journaltest.New(t, node.Worker)); !errors.Is(err, node.ErrNoNode) {
		t.Errorf("without a control plane: %v", err)
	}
}

func TestACanaryLooksLikeTheSecretsThatItStandsFor(t *testing.T) {
	c, data := New(), New().SecretData()
	block, rest := pem.Decode(data["tls.key"])
	if block == nil || block.Type != "RSA PRIVATE KEY" || len(rest) > 0 || len(block.Bytes) != 1193 {
		t.Errorf("%q is no key", data["tls.key"])
	}
	if len(data) != 3 || strings.Count(string(data["token"]), ".") != 2 || len(data["password"]) < windowSize {
		t.Errorf("%q", data)
	}
	for _, text := range []string{c.pem(), tokenHead + c.token} {
		if got := redact.String(text); c.needles().in([]byte(got)) {
			t.Errorf("nov30 itself does not take it for a secret: %q", got)
		}
	}
	if a, b := New(), New(); a == b {
		t.Error("two canaries are the same")
	}
}

func TestACanaryIsNotPrinted(t *testing.T) {
	c := New()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "canary", c, "data", []any{c})
	text, err := json.Marshal(map[string]any{"c": c})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c, c, &c), fmt.Sprintf("%v %+v", struct{ C Canary }{c}, &c), log.String(), string(text)} {
		if c.needles().in([]byte(printed)) {
			t.Errorf("printed %q", printed)
		}
	}
}
