package experiment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

func TestAStopFileEndsTheRun(t *testing.T) {
	dir := t.TempDir()
	s := watchStop(dir, clockwork.NewRealClock())
	defer s.close()
	ctx, cancel := s.cancels(t.Context())
	defer cancel()
	if s.stopped() || ctx.Err() != nil {
		t.Fatal("stopped by nobody")
	}
	if err := os.WriteFile(filepath.Join(dir, report.StopFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody looks at the file")
	}
	if !errors.Is(context.Cause(ctx), ErrStopped) || !s.stopped() {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
	again, cancel := s.cancels(t.Context())
	defer cancel()
	select {
	case <-again.Done(): // what begins afterwards is stopped, too
	case <-time.After(10 * time.Second):
		t.Error("the next scenario runs on")
	}
}

func TestAStoppedRunIsInterrupted(t *testing.T) {
	s := &Session{Dir: t.TempDir(), release: func() {}}
	s.stop = watchStop(s.Dir, clockwork.NewRealClock())
	if err := os.WriteFile(filepath.Join(s.Dir, report.StopFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-s.stop.seen
	if code, err := s.Finish(false); code != slo.ExitInterrupted || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	run, err := report.ReadRunFile(s.Dir)
	if err != nil || !run.Interrupted || !run.Finished {
		t.Errorf("%+v, %v", run, err)
	}
}
