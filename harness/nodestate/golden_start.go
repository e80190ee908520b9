package nodestate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// GoldenReport is where the time of a start went.
type GoldenReport struct {
	Steps []Step `json:"steps"`
}

// What a new node waits for before kubelet is started.
const (
	manifestDir       = "/etc/kubernetes/manifests"
	etcdManifest      = manifestDir + "/etcd.yaml"
	apiserverManifest = manifestDir + "/kube-apiserver.yaml"
	kubeletConfig     = "/var/lib/kubelet/config.yaml" // without which systemd does not start kubelet
)

// StartGolden makes this new node, which may be booting still, what r holds as JSON. On the control plane the objects are put
// into etcd before kubelet starts anything, so that nothing races with them. It returns when kubelet runs and has an API server:
// one that had to wait for it would try again at ever longer intervals.
func (n Node) StartGolden(ctx context.Context, r io.Reader) (GoldenReport, error) {
	var g Golden
	if err := json.NewDecoder(r).Decode(&g); err != nil {
		return GoldenReport{}, fmt.Errorf("%w: it is no JSON, or was cut", ErrState) // the decoder's own error repeats what it read
	}
	if err := g.check(); err != nil {
		return GoldenReport{}, err
	}
	s := goldenStart{Node: n, golden: g}
	err := s.run(ctx)
	return s.report, err
}

// goldenStart is one start on its way.
type goldenStart struct {
	Node
	golden Golden
	report GoldenReport
}

type goldenStep struct {
	name string
	do   func(context.Context) error
}

func (s *goldenStart) run(ctx context.Context) error {
	steps := []goldenStep{
		{"files", s.files},
		{"boot", s.awaitRuntime},
	}
	if len(s.golden.Objects) > 0 {
		steps = append(steps, goldenStep{"etcd", s.objects}, goldenStep{"kubelet", s.first})
	}
	steps = append(steps, goldenStep{"api", s.meanwhile}, goldenStep{"join", s.rest})
	for _, step := range steps {
		start := s.Clock.Now()
		err := step.do(ctx)
		s.report.Steps = append(s.report.Steps, Step{step.name, s.Clock.Since(start).Seconds()})
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// late are the files that set something going.
func late(f GoldenFile) bool {
	return f.Kind != directory && below(f.Path, []string{manifestDir, kubeletConfig})
}

func (s *goldenStart) files(context.Context) error {
	return s.putGolden(slices.DeleteFunc(slices.Clone(s.golden.Files), late))
}

// objects fills etcd and meanwhile unpacks the images, which kubelet would do one by one when it needs them.
func (s *goldenStart) objects(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.unpack(ctx, s.staticImages()) })
	group.Go(func() error { return s.withOwnEtcd(ctx, func() error { return s.fillEtcd(ctx, s.golden.Objects) }) })
	return group.Wait()
}

// meanwhile waits for the API server and unpacks the images of the other pods.
func (s *goldenStart) meanwhile(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.unpack(ctx, s.golden.Images) })
	group.Go(func() error { return s.awaitAPI(ctx) })
	return group.Wait()
}

// first starts kubelet with etcd and the API server alone, because everything else would only wait for them, and be in their way.
func (s *goldenStart) first(ctx context.Context) error {
	return s.kubelet(ctx, []string{etcdManifest, apiserverManifest, kubeletConfig})
}

// rest starts kubelet, or starts it again, with all there is.
func (s *goldenStart) rest(ctx context.Context) error {
	return s.kubelet(ctx, []string{manifestDir, kubeletConfig})
}

// kubelet puts files in place and starts kubelet.
func (s *goldenStart) kubelet(ctx context.Context, files []string) error {
	some := slices.DeleteFunc(slices.Clone(s.golden.Files), func(f GoldenFile) bool { return !late(f) || !below(f.Path, files) })
	if err := s.putGolden(some); err != nil {
		return err
	}
	_, err := s.Node.run(ctx, nil, "systemctl", "restart", kubeletUnit)
	return err
}

// within limits each wait. They take a few seconds.
const within = 60 * time.Second

// await tries every 50 ms. What was last seen is the error.
func (s *goldenStart) await(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s was not there within %v", what, within))
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-s.Clock.After(50 * time.Millisecond):
		}
	}
}

// awaitRuntime waits until systemd has started containerd, which says itself when it is ready.
func (s *goldenStart) awaitRuntime(ctx context.Context) error {
	return s.await(ctx, "containerd", func(ctx context.Context) error {
		if err := endNameSearch(s.Root); err != nil {
			return err
		}
		_, err := s.Node.run(ctx, nil, "systemctl", "is-active", "containerd.service")
		return err
	})
}

// manifest is the content of a static pod's manifest.
func (s *goldenStart) manifest(path string) string {
	i := slices.IndexFunc(s.golden.Files, func(f GoldenFile) bool { return f.Path == path })
	if i < 0 {
		return ""
	}
	return string(s.golden.Files[i].Content)
}

// listed are the values of the lines of a manifest that begin like that. kubeadm writes one to a line.
func listed(manifest, begin string) []string {
	var values []string
	for line := range strings.Lines(manifest) {
		if value, is := strings.CutPrefix(strings.TrimSpace(line), begin); is {
			values = append(values, value)
		}
	}
	return values
}
