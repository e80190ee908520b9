package nodeimage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// rootfsMaxAge is how long a root file system is used again; then Debian's security updates are due.
const rootfsMaxAge = 7 * 24 * time.Hour

// rootfs makes or finds in the cache the root file system of a recipe, a tar, and returns its path.
func (b Builder) rootfs(ctx context.Context, r Recipe) (string, error) {
	id := sha256.Sum256([]byte(r.Suite + " " + strings.Join(r.Packages, " ")))
	path := filepath.Join(b.Cache, "rootfs", runtime.GOARCH, hex.EncodeToString(id[:6])+".tar")
	if info, err := os.Stat(path); err == nil && b.Clock.Since(info.ModTime()) < rootfsMaxAge {
		return path, nil
	}
	if err := b.prerequisites(ctx); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, b.step("Debian "+r.Suite+" root file system", func() error {
		temp := path + ".partial.tar" // mmdebstrap tells the format by the ending
		defer os.Remove(temp)
		if err := debootstrap(ctx, r, temp); err != nil {
			return err
		}
		return os.Rename(temp, path)
	})
}

// debootstrap writes a Debian root file system as a tar. As an ordinary user mmdebstrap works in a user namespace.
func debootstrap(ctx context.Context, r Recipe, out string) error {
	args := []string{"--variant=minbase", "--components=main", "--include=" + strings.Join(r.Packages, ","),
		// Nothing that a node never reads: documentation, message catalogues, package lists.
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--aptopt=Acquire::Languages \"none\"",
		"--aptopt=APT::Install-Recommends \"false\"",
		// An interrupted download is tried again; the mirrors are far away from some machines.
		"--aptopt=Acquire::Retries \"3\"",
		r.Suite, out}
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(fmt.Errorf("mmdebstrap: %w", err), errors.New(lastLines(log.String(), 12)))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
