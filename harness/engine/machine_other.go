//go:build !linux

package engine

import (
	"os"
	"runtime"

	"github.com/jonboulle/clockwork"
)

// host is a machine on which every entry point says that it is not supported before it asks anything else.
func host() machine {
	return machine{goos: runtime.GOOS, euid: os.Geteuid(), cores: runtime.NumCPU(), files: os.DirFS("/"),
		clock: clockwork.NewRealClock(), getenv: os.Getenv}
}
