package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/ttl"
)

const (
	// warmUpWithin is how long the probes may take until each has been green once.
	warmUpWithin = 90 * time.Second
	// steadyFor is how long every probe must then stay green and the tool quiet; longer than the rarest probe's interval.
	steadyFor = 6 * time.Second
)

// setUp makes the ground and the journal, starts the probes, and takes the healthy cluster's content.
func (x *armRun) setUp(ctx context.Context) error {
	if err := x.prepare(ctx); err != nil {
		return err
	}
	if err := x.openJournal(ctx); err != nil {
		return err
	}
	if err := x.observe(ctx); err != nil {
		return err
	}
	return x.takeHealthy(ctx)
}

// openJournal begins the journal of the inverses, and sets the time limit after which the nodes revert by themselves; in the
// arm without a fault, too, because a tool could tell them apart by it.
func (x *armRun) openJournal(ctx context.Context) error {
	id, err := x.cluster.Identity()
	if err != nil {
		return err
	}
	meta := journal.Meta{Run: x.Run, Scenario: x.scenario.Name,
		Arm: string(x.record.Arm), Cluster: id.Cluster, CASHA256: id.CASHA256, APIServer: id.Server, Engine: x.Engine.String(), Created: x.Clock.Now().UTC()}
	if x.journal, err = journal.Create(x.Home.Journals(), meta); err != nil {
		return err
	}
	x.limit, err = ttl.Arm(ctx, x.cluster, x.NodeProgram, meta, x.scenario.limit(), x.Clock)
	return err
}

// observe opens the record and starts the probes.
func (x *armRun) observe(ctx context.Context) error {
	if err := report.WriteRecord(x.dir, x.record); err != nil {
		return err
	}
	var err error
	if x.log, err = report.OpenLog(x.dir); err != nil {
		return err
	}
	x.start, x.clock0 = x.Clock.Now(), watchHostClock(x.Clock)
	x.probes = probe.NewSet(x.Clock, x.site.URL, x.site.Nonce)
	scheduled := x.probes.Default()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		probe.RunPaced(ctx, x.cluster, x.Clock, x.start, scheduled, x.emitAt)
	}()
	x.stop = append(x.stop, func() { cancel(); <-done; x.probes.Schedule.Close() })
	return nil
}

// steady waits until every probe has been green once, starts the tool where the arm has one, and holds all to it: a tool
// may alarm of a cluster that is still being set up, but of nothing from here on.
func (x *armRun) steady(ctx context.Context) error {
	deadline := x.Clock.Now().Add(warmUpWithin)
	for {
		red := x.watch.notGreen(0, always)
		if len(red) == 0 {
			break
		}
		if x.Clock.Now().After(deadline) {
			slices.Sort(red)
			return fmt.Errorf("on a healthy cluster these probes have not turned green within %s: %s", warmUpWithin, strings.Join(red, ", "))
		}
		if err := x.sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	if err := x.cluster.AwaitDNS(ctx); err != nil { // on a cluster that was just started it may take as long as the probes
		return err
	}
	x.phase(slo.PhaseSteady)
	if x.record.Arm != slo.Untreated {
		if err := x.startTool(ctx); err != nil {
			return err
		}
	}
	return x.sleep(ctx, steadyFor)
}

// timing adds to the table of where a run's time went.
func (x *armRun) timing(part string, took time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.results.Timings = append(x.results.Timings, report.Timing{Scenario: x.scenario.Name, Arm: string(x.record.Arm), Part: part, Seconds: took.Seconds()})
}

// prepare takes over the ground that was handed on, or takes a clean one from the pool.
func (x *armRun) prepare(ctx context.Context) error {
	if x.ground != nil {
		x.say("on cluster %s, on which the arm before left no trace", x.cluster.Name())
	} else if err := x.takeGround(ctx); err != nil {
		return err
	}
	x.used = use{Scenario: x.scenario.Name, Arm: x.record.Arm}
	if err := x.leaves(remnant{Remove: filepath.Join(x.dir, "kubeconfig")}); err != nil {
		return err
	}
	return x.cluster.MoveKubeconfig(x.dir)
}

func (x *armRun) takeGround(ctx context.Context) error {
	from, err := x.pool.take(ctx, x.scenario.Cluster)
	if err != nil {
		return err
	}
	x.ground = from.ground
	for _, s := range x.made {
		if s.Step == stepRewind {
			x.say("on cluster %s, rewound and proven in %.1f s", x.cluster.Name(), s.Took.Seconds())
			x.timing(report.PartRewind, from.waited)
			return nil
		}
	}
	deploy := time.Duration(0)
	for _, s := range x.made {
		if s.Step == stepDeploy && from.new {
			deploy = s.Took
			x.timing(report.PartDeploy, deploy)
		}
	}
	x.timing(report.PartCreate, from.waited-deploy)
	return nil
}
