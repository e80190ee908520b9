package tool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nov30/nov30/harness/slo"
)

const (
	lineMax  = 64 << 10 // a longer line is not a finding
	linesMax = 10_000   // a detector that prints more has lost its mind; the rest is read and thrown away
)

// errNotes are lines that are no findings: noted, not fatal, and never mistaken for one.
var errNotes = errors.New("not a finding")

// parseFinding reads one line of a detector. Unknown fields are allowed, so that a tool may say more than it must.
func parseFinding(line []byte) (slo.ToolFinding, error) {
	var f slo.ToolFinding
	if err := json.Unmarshal(line, &f); err != nil {
		return f, fmt.Errorf("%w: %w", errNotes, err)
	}
	if f.Severity != slo.Warning && f.Severity != slo.Critical {
		return f, fmt.Errorf("%w: severity %.40q is neither warning nor critical", errNotes, f.Severity)
	}
	if f.Culprit == "" {
		return f, fmt.Errorf("%w: it names no culprit", errNotes)
	}
	return f, nil
}

// readFindings reads a detector's output to its end. Each finding goes to found; what is none is counted, and the first
// of them goes to note.
func readFindings(r io.Reader, found func(slo.ToolFinding), note func(string)) {
	in := bufio.NewReaderSize(r, lineMax)
	lines, bad := 0, 0
	for {
		line, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = in.ReadSlice('\n')
		}
		if len(line) > 0 {
			lines++
			f, reason := parseFinding(line)
			switch {
			case lines > linesMax:
			case long:
				reason = fmt.Errorf("%w: a line of more than %d bytes", errNotes, lineMax)
				fallthrough
			case reason != nil:
				if bad++; bad == 1 {
					note(fmt.Sprintf("detector: line %d: %v", lines, reason))
				}
			default:
				found(f)
			}
		}
		if err != nil {
			break
		}
	}
	if bad > 1 {
		note(fmt.Sprintf("detector: %d lines were no findings", bad))
	}
	if lines > linesMax {
		note(fmt.Sprintf("detector: %d lines; those after %d were not read", lines, linesMax))
	}
}
