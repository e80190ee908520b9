package engine

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoEngine is what a *NoEngineError is, for errors.Is.
var ErrNoEngine = errors.New("no container engine")

// ErrChoice is a NOV30_ENGINE that names no engine: a mistake in the call, not of the machine.
var ErrChoice = errors.New("no such engine")

// ErrUnsupported is returned on an operating system other than Linux.
var ErrUnsupported = errors.New("nov30 needs Linux with a local container engine")

// NoEngineError says which engines were looked for, why each will not do, and what to do about it.
type NoEngineError struct {
	Tried []string // one line per engine: its name and what is wrong
	Mend  string   // a command or a sentence
}

func (e *NoEngineError) Error() string {
	return fmt.Sprintf("%v: %s; to mend it: %s", ErrNoEngine, strings.Join(e.Tried, "; "), e.Mend)
}

func (e *NoEngineError) Unwrap() error { return ErrNoEngine }

func (m machine) supported() error {
	if m.goos != "linux" {
		return fmt.Errorf("%w: this is %s; run it in a Linux virtual machine", ErrUnsupported, m.goos)
	}
	return nil
}
