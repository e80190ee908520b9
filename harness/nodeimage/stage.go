package nodeimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	"github.com/nov30/nov30/harness/engine"
)

// Labels of a node image.
const (
	labelKubernetes = "nov30.kubernetes"
	labelSource     = "nov30.source"
)

// stopSignal makes systemd power off; on SIGTERM it would start itself anew. A commit takes it over from the container,
// which is how it gets into the image: engines differ in whether commit can set it.
const stopSignal = "SIGRTMIN+3"

// stageLife is how many seconds a stage's container lives when the build that made it was killed; it then removes itself.
const stageLife = "3600"

// stage is a container in which an image is put together.
type stage struct {
	b  Builder
	id string
}

func (b Builder) startStage(ctx context.Context, image string) (*stage, error) {
	// No network: everything it needs is copied in. Privileged, because containerd runs in it.
	out, err := b.Engine.Run(ctx, nil, "run", "--detach", "--rm", "--privileged", "--network", "none", "--label", "nov30.stage=1",
		"--stop-signal", stopSignal, "--entrypoint", "sleep", image, stageLife)
	if err != nil {
		return nil, fmt.Errorf("start a container from %s: %w", image, err)
	}
	return &stage{b: b, id: strings.TrimSpace(string(out))}, nil
}

func (s *stage) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.b.Engine.Run(ctx, nil, "rm", "--force", "--volumes", s.id); err != nil && !removed(err) {
		s.b.say("left behind: container %s (%v)", s.id, err)
	}
}

// removed tells whether removing a container failed because it removed itself.
func removed(err error) bool {
	var failed *engine.CommandError
	if !errors.As(err, &failed) {
		return false
	}
	words := strings.ToLower(string(failed.Stderr))
	return strings.Contains(words, "no such container") || strings.Contains(words, "is already in progress")
}

func (s *stage) exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	return s.b.Engine.Run(ctx, stdin, append([]string{"exec", "-i", s.id}, argv...)...)
}

// script runs one of the recipe's shell scripts.
func (s *stage) script(ctx context.Context, name string) error {
	_, err := s.output(ctx, name)
	return err
}

func (s *stage) output(ctx context.Context, name string) ([]byte, error) {
	text, err := nodeimagefs.FS.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out, err := s.exec(ctx, bytes.NewReader(text), "sh", "-s")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// copyIn streams a tar into the container's root.
func (s *stage) copyIn(ctx context.Context, fill func(*archive) error) error {
	r, w := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		t := &archive{tar.NewWriter(w)}
		err := fill(t)
		if err == nil {
			err = t.w.Close()
		}
		w.CloseWithError(err)
		filled <- err
	}()
	// tar in the container, not the engine's cp: that one refuses to write through Debian's linked /bin and /lib.
	_, err := s.exec(ctx, r, "tar", "-C", "/", "--keep-directory-symlink", "--no-same-owner", "-xpf", "-")
	r.CloseWithError(io.ErrClosedPipe)
	if fillErr := <-filled; fillErr != nil && fillErr != io.ErrClosedPipe {
		return fillErr
	}
	return err
}

// loadImages puts container images into the node's containerd; they are unpacked when a node first starts them.
func (s *stage) loadImages(ctx context.Context, write func(path string) error) error {
	dir, err := os.MkdirTemp("", "nov30-images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "images.tar")
	if err := write(archive); err != nil {
		return err
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	const load = `containerd >/tmp/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do
	kill -0 $! || { cat /tmp/containerd.log >&2; exit 1; }
	sleep 0.2
done
ctr --namespace k8s.io images import --no-unpack --digests - >/dev/null &&
for i in $(ctr --namespace k8s.io images ls -q); do # pinned: kubelet's garbage collection could not get them again
	ctr --namespace k8s.io images label "$i" io.cri-containerd.pinned=pinned >/dev/null || exit 1
done
status=$?
kill $! && wait $!
rm -f /tmp/containerd.log /run/containerd/*.sock*
exit $status`
	_, err = s.exec(ctx, f, "sh", "-c", load)
	return err
}

// commit makes the container's content an image that kind can start.
func (s *stage) commit(ctx context.Context, ref, kubernetes, source string) error {
	_, err := s.b.Engine.Run(ctx, nil, "commit",
		"--change", `ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]`,
		"--change", "CMD []",
		"--change", "ENV container=docker",
		"--change", fmt.Sprintf("LABEL %s=%q %s=%q nov30.stage=\"\"", labelKubernetes, kubernetes, labelSource, source),
		s.id, ref)
	return err
}
