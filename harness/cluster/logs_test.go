package cluster

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheErrorOfAFailedCreationNamesTheLogsOnlyWhereThereAreAny(t *testing.T) {
	failed := errors.New("failed")
	for answer, want := range map[string]string{
		`ps*) exit;;`: "failed", // no node at all
		`ps*) echo n1 worker; exit;; exec*) echo 'is not running' >&2; exit 1;;`:                               "failed",
		`ps*) echo n1 worker; exit;; exec*) echo line; exit;;`:                                                 "failed; the nodes' logs are in DIR",
		`ps*) echo n1 worker; exit;; 'exec n1 journalctl '*) echo line; exit;; exec*) echo busy >&2; exit 1;;`: "failed; the nodes' logs, not all of them, are in DIR",
	} {
		p, _ := fakeEngine(t, answer)
		dir := t.TempDir()
		err := (&Kind{provider: p, name: "nov30-a"}).withLogs(t.Context(), Options{Dir: dir}, failed)
		if want := strings.ReplaceAll(want, "DIR", filepath.Join(dir, "logs")); !errors.Is(err, failed) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", answer, err, want)
		}
	}
}

// deadlines is a node that notes how long each command may take.
type deadlines struct {
	container
	left []time.Duration
}

func (d *deadlines) Exec(ctx context.Context, _ io.Reader, _ ...string) ([]byte, error) {
	end, _ := ctx.Deadline()
	d.left = append(d.left, time.Until(end))
	return nil, nil
}

func TestEachCommandForTheLogsHasItsOwnLimit(t *testing.T) {
	d := &deadlines{}
	if err := (&Kind{nodes: []Node{d}}).Logs(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, left := range d.left {
		if left <= 0 || left > 20*time.Second {
			t.Errorf("a command may take %v", left)
		}
	}
	if len(d.left) != len(nodeLogs) {
		t.Errorf("%d commands, want %d", len(d.left), len(nodeLogs))
	}
}
