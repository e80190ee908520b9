package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/slo"
)

// workshop makes grounds, and makes used ones anew.
type workshop struct{ *Session }

// renewWithin limits the making anew of one ground, its proof included; it takes ten seconds.
const renewWithin = 3 * time.Minute

// Steps of a ground's making, beside those of its cluster.
const (
	stepDeploy = "deploy"
	stepKeep   = "keep"
	stepRewind = "rewind"
	stepProof  = "rewind: proof"
)

// create makes a new ground: a cluster with the site, what the probes need, and the canary; and keeps its state, unless there is
// no program to do that with. In the background it leaves the processor to whatever is being measured.
func (w workshop) create(ctx context.Context, spec cluster.Spec, background bool) (*ground, error) {
	name := fmt.Sprintf("%s%s-%d", cluster.Prefix, w.Run, w.clusters.Add(1)) // a tool sees it: it tells nothing of the scenario
	w.say("creating cluster %s%s", name, map[bool]string{true: ", in the background"}[background])
	dir := filepath.Join(w.Dir, clustersDir, name)
	if err := w.leaves(remnant{Remove: filepath.Join(dir, "kubeconfig")}); err != nil {
		return nil, err
	}
	k, err := w.cluster(ctx, cluster.Options{Name: name, Run: w.Run, Spec: spec, Image: w.Image, Dir: dir, Yielding: background})
	if err != nil {
		return nil, err
	}
	g := &ground{cluster: k, spec: spec, made: k.Steps}
	err = g.step(w.Clock.Now, stepDeploy, func() error { return w.deploy(ctx, g) })
	if err == nil && w.NodeProgram != "" && w.Clean == CleanRewind {
		err = g.step(w.Clock.Now, stepKeep, func() error { return w.keep(ctx, g) })
	}
	if err != nil {
		return nil, errors.Join(err, w.delete(context.WithoutCancel(ctx), g))
	}
	return g, nil
}

// cluster makes a cluster, as the policy has it.
func (w workshop) cluster(ctx context.Context, o cluster.Options) (*cluster.Kind, error) {
	if w.NodeProgram == "" || w.Cache == "" || w.Clean == CleanNew {
		return w.provider.Create(ctx, o)
	}
	program, err := nodeprogram.Load(w.NodeProgram)
	if err != nil {
		return nil, err
	}
	return w.provider.CreateGolden(ctx, o, w.Cache, program)
}

func (g *ground) step(now func() time.Time, name string, do func() error) error {
	start := now()
	err := do()
	g.made = append(g.made, cluster.StepTime{Step: name, Took: now().Sub(start)})
	return err
}

func (w workshop) siteEnv(g *ground) site.Env {
	return site.Env{Cluster: g.cluster, Engine: w.Engine, Network: g.cluster.Network(), Image: w.Image, Run: w.Run, Clock: w.Clock}
}

func (w workshop) deploy(ctx context.Context, g *ground) (err error) {
	if g.site, err = site.Deploy(ctx, w.siteEnv(g)); err != nil {
		return err
	}
	if err := probe.Prepare(ctx, g.cluster, w.Clock); err != nil {
		return err
	}
	if err := w.plantCanary(ctx, g.cluster); err != nil {
		return fmt.Errorf("plant the canary secret: %w", err)
	}
	return nil
}

// plantCanary puts a secret of this run where a node and the API have theirs; Finish looks for it in all that the run leaves.
func (w workshop) plantCanary(ctx context.Context, k *cluster.Kind) error {
	if err := w.canary.Plant(ctx, k); err != nil {
		return err
	}
	n, err := cluster.First(k, cluster.ControlPlane)
	if err != nil {
		return err
	}
	secret, err := json.Marshal(corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "nov30-canary", Namespace: metav1.NamespaceSystem}, Data: w.canary.SecretData()})
	if err != nil {
		return err
	}
	_, err = n.Exec(ctx, bytes.NewReader(secret), "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "create", "-f", "-")
	return nodeop.WithoutOutput(err)
}

// keep takes the proof of a new ground and keeps its state.
func (w workshop) keep(ctx context.Context, g *ground) error {
	program, err := nodeprogram.Load(w.NodeProgram)
	if err != nil {
		return err
	}
	return program.With(ctx, g.cluster, func() (err error) {
		if g.proof, err = proof.Settled(ctx, g.cluster, w.Clock); err != nil {
			return fmt.Errorf("the new cluster does not come to rest: %w", err)
		}
		g.kept, err = g.cluster.Keep(ctx)
		return err
	})
}

// renew takes a used ground back to what it was when it was new, and proves it. The error of one that is not what it was is
// *leak.
func (w workshop) renew(ctx context.Context, g *ground, background bool) error {
	if background {
		if err := g.cluster.Yield(ctx, true); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, renewWithin, fmt.Errorf("not within %v", renewWithin))
	defer cancel()
	g.made = nil
	var found cluster.Rewound
	err := g.step(w.Clock.Now, stepRewind, func() (err error) {
		found, err = w.rewind(ctx, g)
		return err
	})
	leftover := g.leftover(found)
	if err != nil {
		return &leak{cluster: g.cluster.Name(), used: g.used, err: err}
	}
	g.used, g.left, g.leak = use{}, nil, leftover
	return nil
}

func (w workshop) rewind(ctx context.Context, g *ground) (found cluster.Rewound, err error) {
	program, err := nodeprogram.Load(w.NodeProgram)
	if err != nil {
		return nil, err
	}
	if err := g.cluster.PowerOn(ctx); err != nil {
		return nil, err
	}
	err = program.With(ctx, g.cluster, func() error {
		group, gctx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			found, err = g.cluster.Rewind(gctx, g.kept)
			return err
		})
		group.Go(func() error { return g.site.RenewEdge(gctx, w.siteEnv(g)) })
		if err := group.Wait(); err != nil {
			return err
		}
		g.made = append(g.made, g.cluster.Steps...)
		return g.step(w.Clock.Now, stepProof, func() error { return proof.Same(ctx, g.cluster, w.Clock, g.proof) })
	})
	return found, err
}

// handOn says whether the next arm may have this ground as it is: nothing was injected into it, the tool changed nothing, and
// everything that was measured is whole and green.
func (x *armRun) handOn() bool {
	return x.pass && x.whole && x.record.Arm == slo.Sham && x.clean && len(x.watch.notGreen(0, always)) == 0
}

// shelve puts the kubeconfig of a ground that no arm has where it was made, out of the arm's directory.
func (w workshop) shelve(g *ground) error {
	dir := w.shelf(g)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return g.cluster.MoveKubeconfig(dir)
}

func (w workshop) prefer(ctx context.Context, g *ground) error { return g.cluster.Yield(ctx, false) }

// delete deletes a ground, and the directory where it was made, if nothing else is in it: logs of one that could not be.
func (w workshop) delete(ctx context.Context, g *ground) error {
	if g == nil {
		return nil
	}
	err := g.delete(ctx)
	dir := w.shelf(g)
	for _, empty := range []string{dir, filepath.Dir(dir)} {
		_ = os.Remove(empty)
	}
	return err
}

// shelf is the directory of a ground that no arm has.
func (w workshop) shelf(g *ground) string { return filepath.Join(w.Dir, clustersDir, g.cluster.Name()) }

// clustersDir is, in the run's directory, where clusters are made.
const clustersDir = "clusters"
