// Package gobuild compiles the small Go programs that nov30 carries as source: what runs inside nodes and images is
// built on the machine that uses it.
package gobuild

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is one main package.
type Program struct {
	// Source holds the package's files; a name ending in .tmpl is written without that ending, because embedding leaves
	// out a directory that has a go.mod.
	Source fs.FS
	// GoMod is the text of go.mod. Empty means a module without requirements.
	GoMod string
	// LDFlags are given to the linker beside -s -w.
	LDFlags []string
	// Out is the path of the executable.
	Out string
}

// Build compiles p into a static executable with the go command found in PATH. The error carries the compiler's output.
func Build(ctx context.Context, p Program) error {
	dir, err := os.MkdirTemp("", "nov30-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(p, dir); err != nil {
		return err
	}
	if p.GoMod != "" { // a module without requirements needs no tidying
		if err := run(ctx, dir, "mod", "tidy"); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(p.Out), 0o755); err != nil {
		return err
	}
	ld := "-s -w " + strings.Join(p.LDFlags, " ")
	return run(ctx, dir, "build", "-trimpath", "-buildvcs=false", "-ldflags", ld, "-o", p.Out, ".")
}

func write(p Program, dir string) error {
	mod := p.GoMod
	if mod == "" {
		mod = "module nov30.local/program\n\ngo 1.24\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return err
	}
	files, err := fs.ReadDir(p.Source, ".")
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := fs.ReadFile(p.Source, f.Name())
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(f.Name(), ".tmpl")
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func run(ctx context.Context, dir string, args ...string) error {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("the go command is needed to build what runs in the nodes: %w; install Go and put it in PATH", err)
	}
	cmd := exec.CommandContext(ctx, goCommand, args...)
	cmd.Dir = dir
	// GOWORK and GOFLAGS of the caller must not leak into a module of our own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, tail(out.String(), 4000))
	}
	return nil
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
