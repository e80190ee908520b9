package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/log"
)

// kindLock guards the environment: kind reads its engine and network from there and from nowhere else.
var kindLock sync.Mutex

// withKind calls do with a kind provider that sees this engine, and puts the environment back.
func (p Provider) withKind(network string, do func(*cluster.Provider) error) error {
	kindLock.Lock()
	defer kindLock.Unlock()
	env := map[string]string{"KIND_EXPERIMENTAL_DOCKER_NETWORK": network, "KIND_EXPERIMENTAL_PODMAN_NETWORK": network}
	for _, pair := range p.Engine.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	for name, value := range env {
		old, had := os.LookupEnv(name)
		if err := os.Setenv(name, value); err != nil {
			return err
		}
		defer func() {
			if had {
				os.Setenv(name, old)
			} else {
				os.Unsetenv(name)
			}
		}()
	}
	runtime := cluster.ProviderWithDocker()
	if p.Engine.Name == "podman" {
		runtime = cluster.ProviderWithPodman()
	}
	return do(cluster.NewProvider(runtime, cluster.ProviderWithLogger(kindLogger{p})))
}

// createKind runs kind. Its Create takes no context: when ctx ends the node containers are removed under it, which makes
// it fail at once, and its return is awaited.
func (k *Kind) createKind(ctx context.Context, o Options) error {
	done := make(chan error, 1)
	go func() {
		done <- k.provider.withKind(k.Network(), func(kind *cluster.Provider) error {
			wait := time.Duration(0)
			if o.Plain {
				wait = readyWithin
			}
			return kind.Create(k.name,
				cluster.CreateWithWaitForReady(wait),
				cluster.CreateWithV1Alpha4Config(k.config(o.Spec)),
				cluster.CreateWithNodeImage(o.Image),
				cluster.CreateWithRetain(true), // the logs of a node that failed are wanted; Create cleans up
				cluster.CreateWithKubeconfigPath(k.kubeconfig),
				cluster.CreateWithDisplayUsage(false),
				cluster.CreateWithDisplaySalutation(false))
		})
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	for {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		err := k.provider.removeContainers(cleanup, "label="+labelKind+"="+k.name)
		cancel()
		select {
		case <-done:
			return errors.Join(context.Cause(ctx), err)
		case <-k.provider.Clock.After(500 * time.Millisecond): // it may have started another one meanwhile
		}
	}
}

// config is kind's view of the cluster. The run's id is on the Kubernetes nodes too, for whoever looks with kubectl.
func (k *Kind) config(s Spec) *v1alpha4.Cluster {
	labels := map[string]string{LabelRun: k.run}
	c := &v1alpha4.Cluster{
		TypeMeta: v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		Name:     k.name,
		Nodes:    []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, Labels: labels}},
		Networking: v1alpha4.Networking{
			IPFamily:         v1alpha4.IPv4Family,
			APIServerAddress: "127.0.0.1",
			// No search domain of this machine's may turn a cluster's look-up into an outside one.
			DNSSearch: &[]string{},
		},
	}
	for range s.workers() {
		c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, Labels: labels})
	}
	return c
}

// kindLogger passes kind's own progress on.
type kindLogger struct{ p Provider }

func (l kindLogger) Warn(string)                  {}
func (l kindLogger) Warnf(string, ...interface{}) {}
func (l kindLogger) Error(m string)               { l.p.say("kind: %s", m) }
func (l kindLogger) Errorf(f string, a ...interface{}) {
	l.p.say("kind: %s", fmt.Sprintf(f, a...))
}
func (l kindLogger) V(log.Level) log.InfoLogger { return log.NoopInfoLogger{} }
