package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	benchmark "github.com/nov30/nov30/harness/bench"
	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
)

// What a clean cluster may take, by the way it is had; see benchmark.Target.
const (
	rewindRatio  = 0.35
	goldenRatio  = 0.5
	pooledWithin = 2 * time.Second
)

// Ways are the ways to a clean cluster that a benchmark compares: plain kind, ours, golden, rewound, and from the pool. What they make
// is deleted beside the measured time, and by Abandon.
func (s *Session) Ways() []benchmark.Way {
	w := &ways{workshop: workshop{s}}
	return []benchmark.Way{
		{Name: "plain kind", Baseline: true, Do: w.plain},
		{Name: "new", Do: w.new},
		{Name: "golden", Target: benchmark.Target{Ratio: goldenRatio}, Do: w.golden},
		{Name: "rewind", Target: benchmark.Target{Ratio: rewindRatio}, Do: w.again},
		{Name: "pooled", Target: benchmark.Target{Within: pooledWithin}, Do: w.pooled},
	}
}

type ways struct {
	workshop
	used   *ground // is rewound again and again
	primed bool    // there is a golden state
}

// make makes one cluster, and deletes it beside the measured time.
func (w *ways) make(ctx context.Context, how func(context.Context, cluster.Options) (*cluster.Kind, error)) (time.Duration, []benchmark.Part, error) {
	name := fmt.Sprintf("%s%s-%d", cluster.Prefix, w.Run, w.clusters.Add(1))
	dir := filepath.Join(w.Dir, clustersDir, name)
	if err := w.leaves(remnant{Remove: filepath.Join(dir, "kubeconfig")}); err != nil {
		return 0, nil, err
	}
	start := w.Clock.Now()
	k, err := how(ctx, cluster.Options{Name: name, Run: w.Run, Image: w.Image, Dir: dir})
	took := w.Clock.Since(start)
	if err != nil {
		return 0, nil, err
	}
	steps := parts(k.Steps)
	err = k.Ready(ctx) // beside the measured time: kind's own wait reports success when it timed out
	return took, steps, errors.Join(err, w.delete(context.WithoutCancel(ctx), &ground{cluster: k}))
}

func (w *ways) plain(ctx context.Context) (time.Duration, []benchmark.Part, error) {
	return w.make(ctx, func(ctx context.Context, o cluster.Options) (*cluster.Kind, error) {
		o.Plain = true
		return w.provider.Create(ctx, o)
	})
}

func (w *ways) new(ctx context.Context) (time.Duration, []benchmark.Part, error) {
	return w.make(ctx, w.provider.Create)
}

// golden starts a cluster golden. Where there is no golden state yet, it is taken beforehand.
func (w *ways) golden(ctx context.Context) (time.Duration, []benchmark.Part, error) {
	if !w.primed {
		if _, _, err := w.make(ctx, w.cluster); err != nil {
			return 0, nil, err
		}
		w.primed = true
	}
	took, parts, err := w.make(ctx, w.cluster)
	if err == nil && !slices.ContainsFunc(parts, func(p benchmark.Part) bool { return p.Name == "state" }) {
		err = errors.New("it was made the ordinary way")
	}
	return took, parts, err
}

func parts(steps []cluster.StepTime) []benchmark.Part {
	var all []benchmark.Part
	for _, s := range steps {
		all = append(all, benchmark.Part{Name: s.Step, Took: s.Took})
	}
	return all
}

// unjournaled is the journal of a fault that is undone by a rewind alone.
type unjournaled struct{}

func (unjournaled) Append(journal.Inverse) error { return nil }

// again breaks a cluster as the night did, and rewinds it, with the proof. Nothing is reverted: the rewind has all to do.
func (w *ways) again(ctx context.Context) (time.Duration, []benchmark.Part, error) {
	if w.used == nil {
		g, err := w.create(ctx, cluster.Spec{}, false)
		if err != nil {
			return 0, nil, err
		}
		w.pool.adopt(g)
		w.used = g
	}
	f := fault.ExpireEtcdCerts{Cut: true}
	w.used.used = use{Scenario: "bench", Faults: []touched{{Fault: f.String()}}}
	if err := f.Inject(ctx, w.used.cluster, unjournaled{}); err != nil {
		return 0, nil, err
	}
	start := w.Clock.Now()
	err := w.renew(ctx, w.used, false)
	return w.Clock.Since(start), parts(w.used.made), err
}

// pooled takes a cluster that the pool has made ready.
func (w *ways) pooled(ctx context.Context) (time.Duration, []benchmark.Part, error) {
	p := newPool(w.workshop, 1, w.Clock, w.say)
	p.prepare(cluster.Spec{})
	p.work.Wait()
	start := w.Clock.Now()
	from, err := p.take(ctx, cluster.Spec{})
	took := w.Clock.Since(start)
	if err == nil {
		err = p.discard(context.WithoutCancel(ctx), from.ground)
	}
	_, closeErr := p.close(context.WithoutCancel(ctx))
	if err == nil && from.new {
		err = errors.New("the pool had none ready")
	}
	return took, nil, errors.Join(err, closeErr)
}

// Abandon ends a session that judged nothing: it deletes its clusters and writes no report.
func (s *Session) Abandon() error {
	defer s.release()
	s.stop.close()
	_, err := s.pool.close(context.Background())
	return errors.Join(err, s.guard.release(context.Background()))
}
