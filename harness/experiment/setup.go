package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/slo"
)

const (
	// warmUpWithin is how long the probes may take until each has been green once.
	warmUpWithin = 90 * time.Second
	// steadyFor is how long every probe must then stay green and the tool quiet; longer than the rarest probe's interval.
	steadyFor = 6 * time.Second
)

// setUp makes the cluster with the site, the journal, and starts the probes.
func (x *armRun) setUp(ctx context.Context) error {
	name := fmt.Sprintf("%s%s-%d", cluster.Prefix, x.Run, x.clusters.Add(1)) // a tool sees it: it tells nothing of the scenario
	x.say("creating cluster %s", name)
	var err error
	x.cluster, err = x.provider.Create(ctx, cluster.Options{Name: name, Run: x.Run, Spec: x.scenario.Cluster, Image: x.Image, Dir: x.dir})
	if err != nil {
		return err
	}
	x.timing("cluster", x.cluster.Steps...)
	start := x.Clock.Now()
	x.site, err = site.Deploy(ctx, site.Env{Cluster: x.cluster, Engine: x.Engine, Network: x.cluster.Network(), Image: x.Image, Run: x.Run, Clock: x.Clock})
	if err != nil {
		return err
	}
	if err := probe.Prepare(ctx, x.cluster, x.Clock); err != nil {
		return err
	}
	x.timing("site", cluster.StepTime{Step: "deploy", Took: x.Clock.Since(start)})
	if err := x.openJournal(); err != nil {
		return err
	}
	return x.observe(ctx)
}

func (x *armRun) openJournal() error {
	id, err := x.cluster.Identity()
	if err != nil {
		return err
	}
	x.journal, err = journal.Create(x.Home.Journals(), journal.Meta{Run: x.Run, Scenario: x.scenario.Name,
		Arm: string(x.record.Arm), Cluster: id.Cluster, CASHA256: id.CASHA256, APIServer: id.Server, Created: x.Clock.Now().UTC()})
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
		probe.Run(ctx, x.cluster, x.Clock, x.start, scheduled, x.emitAt)
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
	x.phase(slo.PhaseSteady)
	if x.record.Arm != slo.Untreated {
		if err := x.startTool(ctx); err != nil {
			return err
		}
	}
	return x.sleep(ctx, steadyFor)
}

// timing adds to the table of where a run's time went.
func (x *armRun) timing(of string, steps ...cluster.StepTime) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range steps {
		name := fmt.Sprintf("%s/%s: %s %s", x.scenario.Name, x.record.Arm, of, s.Step)
		x.results.Timings = append(x.results.Timings, report.Timing{Name: name, Seconds: s.Took.Seconds()})
	}
}
