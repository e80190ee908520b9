package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/slo"
)

// prepare makes the ground, or takes over the one that was handed on.
func (x *armRun) prepare(ctx context.Context) error {
	if x.ground != nil {
		x.say("on cluster %s, on which the arm before left no trace", x.cluster.Name())
		if err := x.leaves(remnant{Remove: filepath.Join(x.dir, "kubeconfig")}); err != nil {
			return err
		}
		return x.cluster.MoveKubeconfig(x.dir)
	}
	name := fmt.Sprintf("%s%s-%d", cluster.Prefix, x.Run, x.clusters.Add(1)) // a tool sees it: it tells nothing of the scenario
	x.say("creating cluster %s", name)
	if err := x.leaves(remnant{Remove: filepath.Join(x.dir, "kubeconfig")}); err != nil {
		return err
	}
	k, err := x.provider.Create(ctx, cluster.Options{Name: name, Run: x.Run, Spec: x.scenario.Cluster, Image: x.Image, Dir: x.dir})
	if err != nil {
		return err
	}
	x.ground = &ground{cluster: k}
	x.timing("cluster", k.Steps...)
	start := x.Clock.Now()
	x.site, err = site.Deploy(ctx, site.Env{Cluster: k, Engine: x.Engine, Network: k.Network(), Image: x.Image, Run: x.Run, Clock: x.Clock})
	if err != nil {
		return err
	}
	if err := probe.Prepare(ctx, k, x.Clock); err != nil {
		return err
	}
	if err := x.plantCanary(ctx, k); err != nil {
		return fmt.Errorf("plant the canary secret: %w", err)
	}
	x.timing("site", cluster.StepTime{Step: "deploy", Took: x.Clock.Since(start)})
	return nil
}

// plantCanary puts a secret of this run where a node and the API have theirs; Finish looks for it in all that the run leaves.
func (x *armRun) plantCanary(ctx context.Context, k *cluster.Kind) error {
	if err := x.canary.Plant(ctx, k); err != nil {
		return err
	}
	n, err := cluster.First(k, cluster.ControlPlane)
	if err != nil {
		return err
	}
	secret, err := json.Marshal(corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "nov30-canary", Namespace: metav1.NamespaceSystem}, Data: x.canary.SecretData()})
	if err != nil {
		return err
	}
	_, err = n.Exec(ctx, bytes.NewReader(secret), "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "create", "-f", "-")
	return nodeop.WithoutOutput(err)
}

// delete removes the cluster, and the kubeconfig with its key. Without a cluster there is nothing to do.
func (g *ground) delete(ctx context.Context) error {
	if g == nil {
		return nil
	}
	err := within(ctx, deleteWithin, g.cluster.Delete)
	if rmErr := os.Remove(g.cluster.Kubeconfig()); !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return err
}

// handOn says whether the next arm may have this ground: nothing was injected into it, the tool changed nothing, and
// everything that was measured is whole and green.
func (x *armRun) handOn() bool {
	return x.pass && x.whole && x.record.Arm == slo.Sham && x.clean && len(x.watch.notGreen(0, always)) == 0
}
