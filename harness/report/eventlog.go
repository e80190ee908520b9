package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/slo"
)

// lineMax is how long a line of events.jsonl may be, in bytes; textMax is how long one text in it may be, so that with
// the worst escaping all of an event's texts still fit.
const (
	lineMax = 2 << 20
	textMax = 16 << 10
)

// EventLog appends the events of one arm to its events.jsonl, each as it happens, so that they survive a crash of this
// process. It is safe for concurrent use.
type EventLog struct {
	mu   sync.Mutex
	file *os.File
	seq  int64
	err  error // the first failure; nothing is written after it, since a half line would damage the rest
}

var errClosed = errors.New("the event log is closed")

// OpenLog makes events.jsonl in an arm's directory. A file that exists is an error: one arm is recorded once.
func OpenLog(dir string) (*EventLog, error) {
	f, err := os.OpenFile(filepath.Join(dir, EventsFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	return &EventLog{file: f}, nil
}

// Append numbers an event and writes it as one line. Overlong texts are cut and what looks like a secret is taken out.
// After a failure every further call gives that failure again: a record with a hole must not be continued.
func (l *EventLog) Append(e slo.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	e.Seq = l.seq + 1
	line, err := json.Marshal(bounded(e))
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil {
		l.err = fmt.Errorf("event log: event %d: %w", e.Seq, err)
		return l.err
	}
	l.seq++
	return nil
}

// Close syncs the file to disk and closes it. It returns the first failure of the log, if there was one.
func (l *EventLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.err, errClosed) {
		return nil
	}
	err := errors.Join(l.err, l.file.Sync(), l.file.Close())
	l.err = errClosed
	return err
}

// bounded limits the texts of an event. The event that was passed in stays as it is.
func bounded(e slo.Event) slo.Event {
	texts := []*string{&e.Name, &e.Error, &e.Detail}
	if e.Finding != nil {
		f := *e.Finding
		texts = append(texts, (*string)(&f.Severity), &f.Kind, &f.Culprit, &f.Node, &f.Evidence)
		e.Finding = &f
	}
	if e.Change != nil {
		c := *e.Change
		texts = append(texts, (*string)(&c.Kind), &c.Node, &c.Object, &c.Diff)
		e.Change = &c
	}
	if e.Certificate != nil {
		c := *e.Certificate
		texts = append(texts, &c.Subject, &c.Serial)
		e.Certificate = &c
	}
	for _, text := range texts {
		*text = cut(redact.String(*text))
	}
	return e
}

func cut(s string) string {
	if len(s) <= textMax {
		return s
	}
	n := textMax
	for n > textMax-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
