package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/nov30/nov30/harness/golden"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/nodestate"
)

// CreateGolden makes a cluster as Create does, in half the time: kind makes the nodes, and what kubeadm would do is put into
// them from a golden state, with keys and certificates of their own. The golden state is taken from the first cluster of its
// image and shape, which is made the ordinary way, and lies in cacheDir. Where a golden start fails for whatever reason what it
// made and its golden state are thrown away, Progress is told why, and the cluster is made the ordinary way. After
// a golden start CoreDNS may answer some seconds later: AwaitDNS.
func (p Provider) CreateGolden(ctx context.Context, o Options, cacheDir string, program nodeprogram.Program) (*Kind, error) {
	key, err := p.goldenKey(ctx, o)
	if err != nil {
		return nil, err
	}
	store := goldenStore{dir: cacheDir, key: key}
	state, err := store.load()
	if err != nil {
		p.say("the golden state is made again: %v", err)
	}
	if state != nil {
		k, err := p.bear(ctx, o, state, program)
		if err == nil || ctx.Err() != nil {
			return k, err
		}
		p.say("the golden start failed, the cluster is made the ordinary way: %v", err)
		if err := store.remove(); err != nil {
			return nil, err
		}
	}
	k, err := p.Create(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := k.takeGolden(ctx, store, program); err != nil { // the cluster is none the worse
		p.say("no golden state was taken, the next cluster is made the ordinary way too: %v", err)
	}
	return k, nil
}

// goldenKey says which golden state fits these options.
func (p Provider) goldenKey(ctx context.Context, o Options) (golden.Key, error) {
	id, err := p.Engine.Run(ctx, nil, "image", "inspect", "--format", "{{.Id}}", o.Image)
	if err != nil {
		return golden.Key{}, err
	}
	nameless := (&Kind{provider: p}).config(o.Spec)
	config, err := json.Marshal(nameless)
	sum := sha256.Sum256(config)
	return golden.Key{Config: hex.EncodeToString(sum[:]), Image: strings.TrimSpace(string(id)), Kind: kindVersion(), Workers: o.Spec.workers()}, err
}

// takeGolden takes the golden state of a cluster that is new.
func (k *Kind) takeGolden(ctx context.Context, store goldenStore, program nodeprogram.Program) error {
	s := &golden.State{Version: golden.Version, Key: store.key, Cluster: k.name, Run: k.run, Taken: k.provider.Clock.Now(),
		Nodes: make([]golden.Node, len(k.nodes))}
	err := program.With(ctx, k, func() error {
		group, ctx := errgroup.WithContext(ctx)
		for i, n := range k.nodes {
			group.Go(func() (err error) {
				s.Nodes[i], err = k.takeGoldenNode(ctx, n)
				return err
			})
		}
		return group.Wait()
	})
	if err != nil {
		return err
	}
	if s, err = s.Disowned(ctx); err != nil { // the cluster lives on; its keys lie nowhere else
		return err
	}
	return store.save(s)
}

func (k *Kind) takeGoldenNode(ctx context.Context, n Node) (golden.Node, error) {
	address, err := k.Address(ctx, n.Name())
	if err != nil {
		return golden.Node{}, err
	}
	out, err := n.Exec(ctx, nil, nodeprogram.Path, "--node", n.Name(), "golden-take")
	if err != nil {
		return golden.Node{}, nodeop.WithoutOutput(err) // which holds keys
	}
	one := golden.Node{Name: n.Name(), Address: address}
	if json.Unmarshal(out, &one.State) != nil {
		return one, fmt.Errorf("%s: what nov30-node golden-take printed is no JSON", n.Name())
	}
	return one, nil
}

// bear makes a cluster out of a golden state. When it fails nothing is left behind.
func (p Provider) bear(ctx context.Context, o Options, s *golden.State, program nodeprogram.Program) (*Kind, error) {
	if !strings.HasPrefix(o.Name, Prefix) {
		return nil, fmt.Errorf("cluster name %q does not begin with %s", o.Name, Prefix)
	}
	k := &Kind{provider: p, name: o.Name, run: o.Run, kubeconfig: filepath.Join(o.Dir, "kubeconfig")}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	err := k.yieldingly(ctx, o.Yielding, func() error { return k.grow(ctx, o, s, program) })
	if err == nil {
		return k, nil
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
	defer cancel()
	if rmErr := os.Remove(k.kubeconfig); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return nil, errors.Join(err, k.Delete(cleanup))
}

// goldenWithin limits a golden start up to the proof that the cluster is ready. It takes about ten seconds.
const goldenWithin = 90 * time.Second

// grow takes the cluster from nothing to readiness.
func (k *Kind) grow(outer context.Context, o Options, s *golden.State, program nodeprogram.Program) error {
	ctx, cancel := context.WithTimeoutCause(outer, goldenWithin, fmt.Errorf("not within %v", goldenWithin))
	defer cancel()
	birth, err := golden.Begin(ctx, s) // the keys are made while the nodes boot
	if err != nil {
		return err
	}
	if err := k.step("network", func() error { return k.createNetwork(ctx) }); err != nil {
		return err
	}
	// kind writes kubeadm's configuration into the nodes while they boot: nothing has to wait for that.
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return k.createNodes(gctx, o) })
	group.Go(func() error {
		if err := k.step("nodes", func() error { return k.awaitNodes(gctx, 1+o.Spec.workers()) }); err != nil {
			return err
		}
		return k.startGolden(gctx, birth, program)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return k.step("ready", func() error { return k.Works(outer) })
}

// startGolden puts what they hold into the nodes and starts Kubernetes in them.
func (k *Kind) startGolden(ctx context.Context, birth *golden.Birth, program nodeprogram.Program) error {
	var report nodestate.GoldenReport // of the control plane, for which all wait
	if err := k.step("state", func() (err error) {
		report, err = k.startNodes(ctx, birth, program)
		return err
	}); err != nil {
		return err
	}
	whole := &k.Steps[len(k.Steps)-1]
	var parts []StepTime
	for _, s := range report.Steps {
		part := StepTime{Step: "state: " + s.Name, Took: time.Duration(s.Seconds * float64(time.Second))}
		whole.Took -= part.Took // what is left is the way into the nodes
		parts = append(parts, part)
	}
	k.Steps = append(k.Steps, parts...)
	return nil
}

func (k *Kind) startNodes(ctx context.Context, birth *golden.Birth, program nodeprogram.Program) (nodestate.GoldenReport, error) {
	target := golden.Target{Cluster: k.name, Run: k.run, Now: k.provider.Clock.Now()}
	for _, n := range k.nodes {
		address, err := k.Address(ctx, n.Name())
		if err != nil {
			return nodestate.GoldenReport{}, err
		}
		target.Nodes = append(target.Nodes, golden.Place{Name: n.Name(), Address: address})
	}
	var states []nodestate.Golden
	var making errgroup.Group
	making.Go(func() (err error) {
		states, err = birth.Finish(target)
		return err
	})
	reports := make([]nodestate.GoldenReport, len(k.nodes))
	err := program.With(ctx, k, func() error {
		if err := making.Wait(); err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		for i, n := range k.nodes {
			group.Go(func() (err error) {
				reports[i], err = startNode(ctx, n, states[i])
				return err
			})
		}
		group.Go(func() error { return k.until(ctx, "kubeconfig", k.exportKubeconfig) }) // of a file that comes in a moment
		return group.Wait()
	})
	return reports[0], errors.Join(err, making.Wait())
}

func startNode(ctx context.Context, n Node, state nodestate.Golden) (report nodestate.GoldenReport, err error) {
	text, err := json.Marshal(state)
	if err != nil {
		return report, err
	}
	out, err := n.Exec(ctx, bytes.NewReader(text), nodeprogram.Path, "--node", n.Name(), "golden-start")
	if err != nil {
		return report, nodeop.WithoutOutput(err)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return report, fmt.Errorf("%s: what nov30-node golden-start printed: %w", n.Name(), err)
	}
	return report, nil
}

// exportKubeconfig has kind write the administrator's kubeconfig.
func (k *Kind) exportKubeconfig() error {
	return k.provider.withKind(k.Network(), func(kind *cluster.Provider) error {
		return kind.ExportKubeConfig(k.name, k.kubeconfig, false)
	})
}
