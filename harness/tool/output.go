package tool

import (
	"io"
	"os"
	"time"

	"github.com/jonboulle/clockwork"
)

// outputMax bounds what is kept of what a tool prints for people, in bytes.
const outputMax = 16 << 20

// drainGrace is how long a stream may stay open after its process group is gone; only a stray can hold it.
const drainGrace = time.Second

// stream is one output of a command: a pipe, read by a goroutine of its own.
type stream struct {
	read, write *os.File
	finished    chan struct{}
}

// newStream opens a pipe whose reading end is handed to use, in a goroutine.
func newStream(use func(io.Reader)) (*stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &stream{read: r, write: w, finished: make(chan struct{})}
	go func() {
		defer close(s.finished)
		use(r)
	}()
	return s, nil
}

// started closes this process's writing end, so that the stream ends with its last writer.
func (s *stream) started() { _ = s.write.Close() }

// drain waits for what is still in the pipe and closes it.
func (s *stream) drain(clock clockwork.Clock) {
	s.started()
	select {
	case <-s.finished:
	case <-clock.After(drainGrace):
	}
	_ = s.read.Close()
	<-s.finished
}

// keep copies the first outputMax bytes of a stream to w and reads on, so that a tool that talks too much is not blocked.
// It reports whether something was left out.
func keep(w io.Writer, r io.Reader) bool {
	if w == nil {
		w = io.Discard
	}
	if _, err := io.Copy(w, io.LimitReader(r, outputMax)); err != nil {
		_, _ = io.Copy(io.Discard, r)
		return true
	}
	n, _ := io.Copy(io.Discard, r)
	return n > 0
}
