// Package nodeprogram is nov30-node as it lies on the host, and its way into the nodes and out of them.
package nodeprogram

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Program is nov30-node as it lies on the host.
type Program struct {
	Content []byte
	SHA256  string // hexadecimal
}

// ErrProgram is a file that cannot be the nodes' program.
var ErrProgram = errors.New("is not nov30-node for the nodes of this machine")

// Load reads the program and refuses what no node of a local engine could run: the nodes share the host's kernel and
// architecture, but not its libraries.
func Load(path string) (Program, error) {
	content, err := os.ReadFile(path)
	if err == nil {
		err = check(content)
	}
	if err != nil {
		return Program{}, fmt.Errorf("%w; build it with: CGO_ENABLED=0 GOOS=linux GOARCH=%s go build -o %s ./cmd/nov30-node",
			err, runtime.GOARCH, path)
	}
	sum := sha256.Sum256(content)
	return Program{content, hex.EncodeToString(sum[:])}, nil
}

func check(content []byte) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%w: not a Linux program: %w", ErrProgram, err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if want, known := machines[runtime.GOARCH]; !known || f.Machine != want {
		return fmt.Errorf("%w: it is for %v, the machine is %s", ErrProgram, f.Machine, runtime.GOARCH)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%w: it needs the libraries of the machine that it was built on", ErrProgram)
		}
	}
	return nil
}
