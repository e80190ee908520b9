// Package guardian undoes what a run did when the run's process dies, however it dies. The guardian is a process in a
// session of its own; the harness holds the only writing end of the pipe that is the guardian's standard input, so its
// death, which the kernel makes sure to tell, is the end of that pipe.
package guardian

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// verb is what a line of the protocol tells the guardian.
type verb string

// A line of the protocol is {"do":VERB,"path":PATH} and a newline. Only a whole one counts: a harness that dies may leave
// the beginning of a line behind.
const (
	remove  verb = "remove"  // the path is to be removed should the harness die
	strays  verb = "strays"  // the processes that were given this context file are to be killed should it die
	forget  verb = "forget"  // neither any more
	release verb = "release" // a normal end: nothing is to be done
)

// What the guardian answers, each on a line of its own.
const (
	ready    = "ready"    // from now on it undoes
	released = "released" // it has been released and will do nothing
)

// maxLine is the longest line in bytes: the longest path of Linux, with every byte escaped.
const maxLine = 32 << 10

// maxPath is Linux's PATH_MAX.
const maxPath = 4096

type message struct {
	Do   verb   `json:"do"`
	Path string `json:"path,omitempty"`
}

func (m message) check() error {
	switch m.Do {
	case remove, strays, forget:
		return checkPath(m.Path)
	case release:
		if m.Path != "" {
			return errors.New("a release names a path")
		}
		return nil
	}
	return fmt.Errorf("unknown verb %q", m.Do)
}

// checkPath says whether the guardian would touch that path at all. JSON cannot carry bytes that are no UTF-8: another path
// would arrive. What lies right below the root is never one run's own.
func checkPath(path string) error {
	switch {
	case len(path) > maxPath || !utf8.ValidString(path) || strings.ContainsRune(path, 0):
		return fmt.Errorf("path %q is too long, no UTF-8 or holds a zero byte", path)
	case !filepath.IsAbs(path) || filepath.Clean(path) != path:
		return fmt.Errorf("path %q is not absolute and clean", path)
	case filepath.Dir(path) == "/":
		return fmt.Errorf("path %q is the root or right below it", path)
	}
	return nil
}

func encode(m message) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(m)
	return append(line, '\n'), err
}

// parse reads one line with its newline. Without it the line was cut, even where what is there looks whole.
func parse(line []byte) (message, error) {
	whole, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok {
		return message{}, errors.New("the line is cut")
	}
	d := json.NewDecoder(bytes.NewReader(whole))
	d.DisallowUnknownFields()
	var m message
	if err := d.Decode(&m); err != nil {
		return message{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return message{}, errors.New("more than one value")
	}
	return m, m.check()
}
