// Package gobuild compiles the Go programs that run inside nodes and images: small ones that nov30 carries as source, and
// components that other modules publish. They are built on the machine that uses them, with its own go command.
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
	// Source holds the package's files. A name that ends in .tmpl is written without that ending: what needs modules
	// that nov30 itself does not require is kept out of its own build that way. Nil when Package is another module's.
	Source fs.FS
	// GoMod is the text of go.mod. Empty means a module without requirements.
	GoMod string
	// Package is the import path to build; empty means the package in Source.
	Package string
	// LDFlags are given to the linker beside -s -w.
	LDFlags []string
	// Out is the path of the executable.
	Out string
}

// Build compiles p into a static executable with the go command that Find finds. The error carries the compiler's output.
func Build(ctx context.Context, p Program) error {
	dir, err := os.MkdirTemp("", "nov30-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(p, dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.Out), 0o755); err != nil {
		return err
	}
	pkg := p.Package
	if pkg == "" {
		pkg = "."
	}
	// Built beside and renamed: an interrupted build must not leave something that looks finished.
	temp := p.Out + ".partial"
	defer os.Remove(temp)
	ld := strings.TrimSpace("-s -w " + strings.Join(p.LDFlags, " "))
	if _, err := run(ctx, dir, "build", "-trimpath", "-buildvcs=false", "-ldflags", ld, "-o", temp, pkg); err != nil {
		return err
	}
	return os.Rename(temp, p.Out)
}

func write(p Program, dir string) error {
	mod := p.GoMod
	if mod == "" {
		mod = "module nov30.local/program\n\ngo 1.24\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return err
	}
	if p.Source == nil {
		return nil
	}
	files, err := fs.ReadDir(p.Source, ".")
	if err != nil {
		return err
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".tmpl")
		if f.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(p.Source, f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the path of the go command: the one in PATH, else $GOROOT/bin/go, else the one where Go's own instructions
// install it, which sudo's secure_path lacks (https://go.dev/doc/install). look finds a command as exec.LookPath does; the
// error wraps what it says of PATH.
func Find(look func(name string) (string, error), getenv func(string) string) (string, error) {
	path, err := look("go")
	if err == nil {
		return path, nil
	}
	for _, root := range []string{getenv("GOROOT"), "/usr/local/go"} {
		if !filepath.IsAbs(root) {
			continue
		}
		if path, err := look(filepath.Join(root, "bin", "go")); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the go command builds what runs in the nodes: %w; install Go and put it in PATH", err)
}

// run runs the go command in dir and returns its standard output.
func run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	goCommand, err := Find(exec.LookPath, os.Getenv)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, goCommand, args...)
	cmd.Dir = dir
	// A workspace or flags of the caller's must not leak into a module of our own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, tail(errs.String(), 4000))
	}
	return out.Bytes(), nil
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
