package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/slo"
)

// ErrNewer is returned for a record that a newer version of nov30 wrote.
var ErrNewer = errors.New("the record is newer than this program: read it with the nov30 that wrote it, or a later one")

// WriteRecord writes record.json, all of a record but its events. It is written before the first event, so that a crash
// leaves a record that can be read.
func WriteRecord(dir string, r slo.Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", RecordFile, err)
	}
	return replace(filepath.Join(dir, RecordFile), append(text, '\n'))
}

// ReadRecord reads an arm's record.json and events.jsonl. A last line without its end, as a crash leaves it, counts as
// never written; any other damage is an error that names the file and the line.
func ReadRecord(dir string) (slo.Record, error) {
	path := filepath.Join(dir, RecordFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return slo.Record{}, err
	}
	r, err := parseRecord(text)
	if err != nil {
		return slo.Record{}, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, EventsFile)
	f, err := os.Open(path)
	if err != nil {
		return slo.Record{}, err
	}
	defer f.Close()
	if r.Events, err = parseEvents(f); err != nil {
		return slo.Record{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func parseRecord(text []byte) (slo.Record, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return slo.Record{}, fmt.Errorf("damaged: %w", err)
	}
	switch {
	case version.Version > slo.RecordVersion:
		return slo.Record{}, fmt.Errorf("version %d: %w (this one reads up to %d)", version.Version, ErrNewer, slo.RecordVersion)
	case version.Version < 1:
		return slo.Record{}, fmt.Errorf("damaged: version %d", version.Version)
	}
	var r slo.Record
	if err := strictly(text, &r); err != nil {
		return slo.Record{}, fmt.Errorf("damaged: %w", err)
	}
	return r, nil
}

// parseEvents reads one event per line. They must be numbered without a hole.
func parseEvents(r io.Reader) ([]slo.Event, error) {
	lines := bufio.NewReaderSize(r, lineMax)
	var events []slo.Event
	for n := int64(1); ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return events, nil // with a torn line or without
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("line %d is longer than %d bytes", n, lineMax)
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		var e slo.Event
		if err := strictly(line, &e); err != nil {
			return nil, fmt.Errorf("line %d is damaged: %w", n, err)
		}
		if e.Seq != n {
			return nil, fmt.Errorf("line %d is damaged: it holds event %d", n, e.Seq)
		}
		events = append(events, e)
	}
}

// strictly decodes exactly one JSON value without unknown fields.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}
