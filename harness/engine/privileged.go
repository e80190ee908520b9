package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	enginefs "github.com/nov30/nov30/fixtures/engine"
	"github.com/nov30/nov30/harness/state"
)

// ErrPrivileged is returned when an engine answers but does not start privileged containers, which kind's nodes are.
var ErrPrivileged = errors.New("cannot start a privileged container")

// Privileged proves that the engine starts a privileged container that has CAP_SYS_ADMIN, by starting one from an image
// of a few megabytes made here. The error is an ErrPrivileged.
func Privileged(ctx context.Context, e *Engine) error {
	m := host()
	if err := m.supported(); err != nil {
		return err
	}
	_, err := m.probe(ctx, e)
	return err
}

// capabilities is what a privileged container has.
type capabilities struct {
	Admin bool `json:"sys_admin"`
	Time  bool `json:"sys_time"` // it could move the host's clock
}

func (m machine) probe(ctx context.Context, e *Engine) (capabilities, error) {
	image, err := m.probeImage(ctx, e)
	if err != nil {
		return capabilities{}, err
	}
	out, err := m.run(ctx, e.Env(), nil, e.Bin, "run", "--rm", "--privileged", "--network", "none", image)
	if err != nil {
		if ctx.Err() != nil {
			return capabilities{}, ctx.Err()
		}
		return capabilities{}, fmt.Errorf("%s %w: %s", e.Name, ErrPrivileged, said(err))
	}
	var has capabilities
	if err := json.Unmarshal(out, &has); err != nil {
		return has, fmt.Errorf("%s %w: it printed %q: %w", e.Name, ErrPrivileged, out, err)
	}
	if !has.Admin {
		return has, fmt.Errorf("%s %w: it starts, but without CAP_SYS_ADMIN", e.Name, ErrPrivileged)
	}
	return has, nil
}

// probeImage returns the name of the image with nothing but capprobe in it, and makes it when the engine has none.
func (m machine) probeImage(ctx context.Context, e *Engine) (string, error) {
	source, err := fs.Sub(enginefs.CapProbe, "capprobe")
	if err != nil {
		return "", err
	}
	digest, err := hash(source)
	if err != nil {
		return "", err
	}
	image := "localhost/nov30/probe:" + digest
	if _, err := m.run(ctx, e.Env(), nil, e.Bin, "image", "inspect", "--format", "{{.Id}}", image); err == nil {
		return image, nil
	}
	cache, err := state.CacheDir(m.getenv)
	if err != nil {
		return "", err
	}
	program, err := m.program(ctx, filepath.Join(cache, "capprobe"), source)
	if err != nil {
		return "", err
	}
	archive, err := tarOf(program, "capprobe")
	if err != nil {
		return "", err
	}
	_, err = m.run(ctx, e.Env(), archive, e.Bin, "import", "--change", `ENTRYPOINT ["/capprobe"]`, "-", image)
	return image, err
}

// tarOf makes a tar archive with one executable.
func tarOf(program, name string) (*bytes.Buffer, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(text)
	}
	return &b, errors.Join(err, w.Close())
}
