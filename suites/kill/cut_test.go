package kill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

// acknowledged notes how long the journal was when each Append had returned.
type acknowledged struct {
	*journal.File
	lengths []int64
	paths   []string // on the host; "" for an inverse without a file
	c       *journaltest.Processes
}

func (a *acknowledged) Append(i journal.Inverse) error {
	if err := a.File.Append(i); err != nil {
		return err
	}
	info, err := os.Stat(a.Path())
	if err != nil {
		return err
	}
	path := ""
	for _, m := range a.c.Machines() {
		if m.Name() == i.Node && i.Path != "" {
			path = m.Host(i.Path)
		}
	}
	a.lengths, a.paths = append(a.lengths, info.Size()), append(a.paths, path)
	return nil
}

// begin is a small journal on a small cluster, after its faults.
func (g *ground) begin(t testing.TB, faults ...fault.Fault) (*acknowledged, error) {
	j, err := journal.Create(g.journals(), journal.Meta{Run: "r", Cluster: g.c.Name(), CASHA256: strings.Repeat("0", 64),
		APIServer: "https://127.0.0.1:6443", Created: clockwork.NewRealClock().Now()})
	if err != nil {
		return nil, err
	}
	a := &acknowledged{File: j, c: g.c}
	for _, f := range faults {
		if err := f.Inject(t.Context(), g.c, a); err != nil {
			return nil, errors.Join(err, j.Close())
		}
	}
	return a, nil
}

// small are two files, one of them absent before, and a node.
func small() ([]prepared, []fault.Fault) {
	files := []prepared{{cluster.ControlPlane, kubeletEnv, []byte("old"), 0o640, 3}}
	return files, []fault.Fault{setFile{cluster.ControlPlane, kubeletEnv, 0o606}, setFile{cluster.ControlPlane, planted, 0o644},
		fault.RestartNode{Role: cluster.Worker}}
}

func TestAJournalCutAtAnyByteRestoresWhatItHadAcknowledged(t *testing.T) {
	const workers = 3
	dir := t.TempDir()
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error { return cutEvery(t, filepath.Join(dir, fmt.Sprint(w)), w, workers) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// cutEvery cuts a journal at every step-th byte, from the first on.
func cutEvery(t *testing.T, dir string, first, step int) (err error) {
	files, faults := small()
	g, err := newGround(t, dir, files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end(t.Context(), 0)) }()
	a, err := g.begin(t, faults...)
	if err != nil {
		return err
	}
	whole, err := os.ReadFile(a.Path())
	if err = errors.Join(err, a.Close()); err != nil {
		return err
	}
	if len(a.lengths) != len(faults) || a.lengths[2] != int64(len(whole)) {
		return fmt.Errorf("%d inverses in %d bytes, acknowledged at %v", len(faults), len(whole), a.lengths)
	}
	worker := g.c.Machines()[1]
	for cut := first; cut <= len(whole); cut += step {
		if err := g.breakAgain(); err != nil {
			return err
		}
		if err := g.c.StopNode(t.Context(), worker.Name()); err != nil {
			return err
		}
		if err := os.WriteFile(a.Path(), whole[:cut], 0o600); err != nil {
			return err
		}
		if err := g.revertCut(t, a, cut); err != nil {
			return fmt.Errorf("cut at byte %d of %d: %w", cut, len(whole), err)
		}
	}
	return nil
}

// breakAgain leaves the two files as their faults did.
func (g *ground) breakAgain() error {
	m := g.c.Machines()[0]
	for path, mode := range map[string]os.FileMode{kubeletEnv: 0o606, planted: 0o644} {
		m.Put(path, []byte("broken"), mode)
		uid, gid := owner(7)
		if err := os.Chown(m.Host(path), uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// revertCut reverts what is left of the journal. Every inverse whose Append had returned by then must have been applied, and
// no other.
func (g *ground) revertCut(t *testing.T, a *acknowledged, cut int) error {
	broken, err := g.snapshot(false)
	if err != nil {
		return err
	}
	want := maps.Clone(broken)
	running := false
	for i, length := range a.lengths {
		switch {
		case int64(cut) < length-1: // the newline may be missing
		case a.paths[i] == "":
			running = true
		default:
			delete(want, a.paths[i])
			if was, ok := g.before[a.paths[i]]; ok {
				want[a.paths[i]] = was
			}
		}
	}
	f, err := openFree(t, a.Path())
	if errors.Is(err, journal.ErrNoHeader) && maps.Equal(want, broken) && !running {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Revert(t.Context(), g.c, nil); err != nil {
		return errors.Join(err, f.Close())
	}
	after, err := g.snapshot(false)
	if err != nil {
		return err
	}
	if d := differences(want, after); len(d) > 0 {
		err = fmt.Errorf("%q", d)
	}
	if pid, pidErr := g.c.Machines()[1].PID(); pidErr != nil || (pid != 0) != running {
		err = errors.Join(err, pidErr, fmt.Errorf("the node runs as %d, want running: %v", pid, running))
	}
	return errors.Join(err, f.Close())
}

// openFree waits while a command that is just being started holds the journal too: between fork and exec it has all files.
func openFree(t *testing.T, path string) (f *journal.File, err error) {
	held := await.Until(t.Context(), clockwork.NewRealClock(), time.Millisecond, limit, func(context.Context) error {
		if f, err = journal.Open(path); errors.Is(err, journal.ErrInUse) {
			return err
		}
		return nil
	})
	return f, errors.Join(err, held)
}
