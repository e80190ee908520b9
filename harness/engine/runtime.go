package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	enginefs "github.com/nov30/nov30/fixtures/engine"
	"github.com/nov30/nov30/harness/gobuild"
)

// wrapper builds the OCI runtime that drops capabilities and returns its path. An unchanged one is not built again: its
// name has the hash of its source and of what is linked into it. Old ones stay, containers may still be run by them.
func (m machine) wrapper(ctx context.Context, d daemon) (string, error) {
	runc, err := m.look("runc")
	if err != nil {
		return "", fmt.Errorf("the command runc is not installed")
	}
	source, err := fs.Sub(enginefs.Runtime, "runtime")
	if err != nil {
		return "", err
	}
	return m.program(ctx, filepath.Join(d.dir, "bin", "runtime"), source, "-X main.runc="+runc)
}

// program builds a program of ours into base plus a hash, unless it is there.
func (m machine) program(ctx context.Context, base string, source fs.FS, ldflags ...string) (string, error) {
	digest, err := hash(source, ldflags...)
	if err != nil {
		return "", err
	}
	out := base + "-" + digest
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return "", err
	}
	// Built beside and renamed: a build that was cut short, or that another process makes, must not be taken for done.
	dir, err := os.MkdirTemp(filepath.Dir(base), ".build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "program")
	if err := m.build(ctx, gobuild.Program{Source: source, LDFlags: ldflags, Out: made}); err != nil {
		return "", err
	}
	return out, os.Rename(made, out)
}

// hash names a program: 12 hexadecimal digits over its files, its linker flags and the processor's kind.
func hash(source fs.FS, ldflags ...string) (string, error) {
	files, err := fs.Glob(source, "*.go")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, ldflags)
	for _, name := range files {
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
