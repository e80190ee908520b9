// Package programs compiles nov30's own programs for a suite, side by side in one directory as make puts them into bin/.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Set is where the programs are.
type Set struct {
	Dir                string
	Nov30, Medic, Node string
}

// Build compiles them into dir. The programs are static: one of them runs in nodes.
func Build(ctx context.Context, dir string) (Set, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir, "github.com/nov30/nov30/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Set{}, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return Set{Dir: dir, Nov30: filepath.Join(dir, "nov30"), Medic: filepath.Join(dir, "medic"), Node: filepath.Join(dir, "nov30-node")}, nil
}

// Guardian is the command line of the guardian.
func (s Set) Guardian() []string { return []string{s.Nov30, "guardian"} }
