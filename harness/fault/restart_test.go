package fault

import (
	"context"
	"errors"
	"testing"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

func restartable(t *testing.T) (*journaltest.Cluster, *journaltest.Node) {
	t.Helper()
	c := journaltest.New(t, cluster.ControlPlane, cluster.Worker)
	worker := c.Directories[1]
	worker.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) {
		return []byte("degraded\n"), errors.New("exit status 1")
	}
	return c, worker
}

func TestRestartNodeRestartsThatNodeAlone(t *testing.T) {
	c, worker := restartable(t)
	j := &journaltest.Journal{Before: func(journal.Inverse) {
		if !worker.Running {
			t.Error("stopped before the inverse was journaled")
		}
	}}
	before := worker.Content("/proc/1/stat")
	if err := (RestartNode{Role: cluster.Worker}).Inject(t.Context(), c, j); err != nil {
		t.Fatal(err)
	}
	if !worker.Running || worker.Content("/proc/1/stat") == before || len(c.Directories[0].Calls) != 0 {
		t.Errorf("running %v, boot %q; the other node saw %v", worker.Running, worker.Content("/proc/1/stat"), c.Directories[0].Calls)
	}
	if len(j.Inverses) != 1 || j.Inverses[0].Op != journal.StartNode || j.Inverses[0].Node != worker.Name() {
		t.Errorf("inverses %v", j.Inverses)
	}
}

func TestRestartNodeReportsWhatDidNotHappen(t *testing.T) {
	boom := errors.New("engine says no")
	for name, c := range map[string]struct {
		spoil   func(*journaltest.Cluster, *journaltest.Journal)
		want    error
		running bool
	}{
		"journal fails":   {func(_ *journaltest.Cluster, j *journaltest.Journal) { j.Fails = 1 }, journaltest.ErrFull, true},
		"stop fails":      {func(c *journaltest.Cluster, _ *journaltest.Journal) { c.StopFails = boom }, boom, true},
		"stop lies":       {func(c *journaltest.Cluster, _ *journaltest.Journal) { c.StopLies = true }, ErrNotRestarted, true},
		"start fails":     {func(c *journaltest.Cluster, _ *journaltest.Journal) { c.StartFails = boom }, boom, false},
		"no such role":    {func(c *journaltest.Cluster, _ *journaltest.Journal) { c.Directories = c.Directories[:1] }, cluster.ErrNoNode, true},
		"off all along":   {func(c *journaltest.Cluster, _ *journaltest.Journal) { c.Directories[1].Running = false }, nil, false},
		"boots no system": {func(c *journaltest.Cluster, _ *journaltest.Journal) { delete(c.Directories[1].Commands, "systemctl") }, context.Canceled, true},
	} {
		t.Run(name, func(t *testing.T) {
			cl, worker := restartable(t)
			j := &journaltest.Journal{}
			c.spoil(cl, j)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			worker.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
				out, err := run()
				if argv[0] == "systemctl" && err != nil && len(out) == 0 {
					cancel() // it would be asked for 90 s
				}
				return out, err
			}
			err := RestartNode{Role: cluster.Worker}.Inject(ctx, cl, j)
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) || worker.Running != c.running {
				t.Errorf("got %v, running %v; want %v, %v", err, worker.Running, c.want, c.running)
			}
		})
	}
}
