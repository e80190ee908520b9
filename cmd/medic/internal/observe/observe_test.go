package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/observe"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
)

func observer(c *testcluster.Cluster, log *lines) *observe.Observer {
	api := &kubeapi.Client{Path: c.Target.Kubeconfig, Dial: c.Dial, Clock: c.Clock}
	return &observe.Observer{
		Look: look.New(c.Target, c.Transport(), api, c.Dial, c.Clock), Clock: c.Clock, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// lines is a stream that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestWatchTellsAnExpiryWithinOneRoundAndAHealthyClusterNothing(t *testing.T) {
	c := testcluster.New(t)
	out, log := &lines{}, &lines{}
	c.Run(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- observer(c, log).Watch(ctx, out, time.Second) }()
		wait(t, ctx, c, 5*time.Second)
		if out.String() != "" || log.String() != "" {
			t.Errorf("a healthy cluster: %q, %q", out.String(), log.String())
		}
		c.Sign("etcd/server", c.Expired())
		wait(t, ctx, c, 2100*time.Millisecond)
		first, _, _ := strings.Cut(out.String(), "\n")
		var f finding.Finding
		if err := json.Unmarshal([]byte(first), &f); err != nil || f.Culprit != finding.EtcdServer || f.Severity != finding.Critical || f.Node != "cp" {
			t.Errorf("got %q: %v", first, err)
		}
		c.Deaf(testcluster.Worker, true)
		wait(t, ctx, c, 2100*time.Millisecond)
		if !strings.Contains(log.String(), "not everything can be looked at") {
			t.Errorf("log %q", log.String())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("a signal is no failure: %v", err)
		}
	})
}

// wait waits on the cluster's clock.
func wait(t *testing.T, ctx context.Context, c *testcluster.Cluster, d time.Duration) {
	t.Helper()
	select {
	case <-c.Clock.After(d):
	case <-ctx.Done():
		t.Error("the clock stands still")
	}
}

func diagnose(t *testing.T, c *testcluster.Cluster) (r observe.Report) {
	t.Helper()
	c.Run(func(ctx context.Context) {
		var err error
		if r, err = observer(c, &lines{}).Diagnose(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestDiagnoseLooksOnceAtAHealthyCluster(t *testing.T) {
	c := testcluster.New(t)
	r := diagnose(t, c)
	if r.Critical() || len(r.Findings)+len(r.Blind) > 0 || len(r.Certificates) < 18 || c.Execs.Load() != 2 {
		t.Errorf("%d commands, %+v", c.Execs.Load(), r)
	}
}

func TestDiagnoseWaitsUntilADoubtIsSettled(t *testing.T) {
	c := testcluster.New(t)
	c.Deaf(testcluster.Address+":6443", true)
	r := diagnose(t, c)
	if len(r.Findings) != 1 || r.Findings[0].Kind != finding.APIDown || len(r.Blind) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestDiagnosePrintsWhatItFoundAndWhatItCouldNotLookAt(t *testing.T) {
	c := testcluster.New(t)
	c.Sign("etcd/server", c.Expired())
	c.Deaf(testcluster.Worker, true)
	var out strings.Builder
	if err := diagnose(t, c).Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"critical  cert-expired  etcd/server", "could not look at w: its files"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestDiagnoseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := observer(testcluster.New(t), &lines{}).Diagnose(ctx); err == nil {
		t.Error("a cut diagnosis is a report")
	}
}
