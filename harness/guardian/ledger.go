package guardian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ledger is what the harness has told so far.
type ledger struct {
	remove, strays []string // oldest first, each once
	released       bool
	garbled        []error // lines that could not be understood
}

func (l *ledger) take(m message) {
	isPath := func(p string) bool { return p == m.Path }
	switch m.Do {
	case release:
		l.released = true
		return
	case forget:
		l.remove = slices.DeleteFunc(l.remove, isPath)
		l.strays = slices.DeleteFunc(l.strays, isPath)
	case remove:
		l.remove = append(slices.DeleteFunc(l.remove, isPath), m.Path)
	case strays:
		l.strays = append(slices.DeleteFunc(l.strays, isPath), m.Path)
	}
}

// read follows the harness until it releases the guardian or is gone. What cannot be read any more has ended too.
func (l *ledger) read(in io.Reader) {
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; !l.released; n++ {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			l.line(n, line, err)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n') // the rest of a line that is too long
		}
		if err != nil {
			return
		}
	}
}

func (l *ledger) line(n int, line []byte, err error) {
	if errors.Is(err, bufio.ErrBufferFull) {
		err = fmt.Errorf("longer than %d bytes", maxLine)
	} else {
		var m message
		if m, err = parse(line); err == nil {
			l.take(m)
			return
		}
	}
	l.garbled = append(l.garbled, fmt.Errorf("line %d from the harness was not understood: %w", n, err))
}
