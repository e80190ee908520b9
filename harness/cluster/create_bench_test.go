package cluster

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/nodeimage"
)

// BenchmarkCreate puts nov30's creation of a cluster beside plain kind's, of the same image, on the same engine, held to
// the same assertions afterwards (nodes Ready, CoreDNS answering, a new pod running). It needs the engine and the image
// that `make setup` provides, and 30 s a round: go test -run '^$' -bench Create -benchtime 3x ./harness/cluster
func BenchmarkCreate(b *testing.B) {
	ctx := context.Background()
	e, err := engine.Find(ctx, os.Getenv)
	if err != nil {
		b.Fatal(err)
	}
	recipe, err := nodeimage.LoadRecipe()
	if err != nil {
		b.Fatal(err)
	}
	p := Provider{Engine: e, Clock: clockwork.NewRealClock(), Home: "bench"}
	o := Options{Name: Prefix + "bench", Run: "bench", Image: recipe.Ref(recipe.Default)}
	b.Run("plain-kind", func(b *testing.B) { benchmark(b, o, p.createPlain) })
	b.Run("nov30", func(b *testing.B) { benchmark(b, o, p.Create) })
}

func benchmark(b *testing.B, o Options, create func(context.Context, Options) (*Kind, error)) {
	for range b.N {
		o.Dir = b.TempDir()
		k, err := create(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := k.Delete(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/cluster")
}

// createPlain is `kind create cluster --wait` with kind's own defaults, then our assertions.
func (p Provider) createPlain(ctx context.Context, o Options) (*Kind, error) {
	k := &Kind{provider: p, name: o.Name, run: o.Run, kubeconfig: o.Dir + "/kubeconfig"}
	err := p.withKind("kind", func(kind *cluster.Provider) error {
		return kind.Create(o.Name, cluster.CreateWithV1Alpha4Config(k.config(o.Spec)), cluster.CreateWithNodeImage(o.Image),
			cluster.CreateWithKubeconfigPath(k.kubeconfig), cluster.CreateWithWaitForReady(2*time.Minute))
	})
	if err != nil {
		return nil, err
	}
	if k.nodes, err = p.nodes(ctx, o.Name); err != nil {
		return nil, err
	}
	return k, k.Ready(ctx)
}
