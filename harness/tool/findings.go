package tool

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/slo"
)

const (
	lineMax     = 64 << 10 // bytes; a longer line is not a finding
	detectMax   = 4 << 20  // bytes of output that are read
	findingsMax = 10_000   // a detector that finds more has lost its mind
	notesMax    = 3        // so many lines that are no findings are noted one by one
	unknownMax  = 20       // and so many culprits that are not in the list
)

// The longest texts of a finding, in bytes.
const (
	nameMax     = 253
	evidenceMax = 1000
)

// errNoFinding is a line that is none: noted, not fatal, and never mistaken for one.
var errNoFinding = errors.New("not a finding")

// parseFinding reads one line of a detector. Unknown fields are allowed, so that a tool may say more than it must.
func parseFinding(line []byte) (slo.ToolFinding, error) {
	var f slo.ToolFinding
	if err := json.Unmarshal(line, &f); err != nil {
		return slo.ToolFinding{}, fmt.Errorf("%w: %w", errNoFinding, err)
	}
	if f.Severity != slo.Warning && f.Severity != slo.Critical {
		return slo.ToolFinding{}, fmt.Errorf("%w: severity %s is neither warning nor critical", errNoFinding, clean(fmt.Sprintf("%q", f.Severity), 40))
	}
	if strings.TrimSpace(f.Culprit) == "" {
		return slo.ToolFinding{}, fmt.Errorf("%w: it names no culprit", errNoFinding)
	}
	f.Kind, f.Culprit = clean(f.Kind, nameMax), clean(f.Culprit, nameMax)
	f.Node, f.Evidence = clean(f.Node, nameMax), clean(f.Evidence, evidenceMax)
	return f, nil
}

// clean makes a tool's text fit for a record: valid, bounded, and without keys and tokens.
func clean(text string, max int) string {
	text = redact.String(text)
	if len(text) > max {
		text = text[:max]
	}
	return strings.ToValidUTF8(text, "")
}

// detections reads a detector's output.
type detections struct {
	found func(slo.ToolFinding)
	note  func(string)

	lines, bad, findings int
	unknown              map[string]bool // culprits that are not in the list
}

// read reads until the end, or until detectMax bytes: from then on nothing is read, and a detector that floods its output
// blocks instead of taking the machine's time from the probes.
func (d *detections) read(r io.Reader) {
	limited := &io.LimitedReader{R: r, N: detectMax}
	in := bufio.NewReaderSize(limited, lineMax)
	for {
		line, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = in.ReadSlice('\n')
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && limited.N > 0 {
			d.line(line, long)
		}
		if err != nil {
			break
		}
	}
	if limited.N == 0 {
		d.note(fmt.Sprintf("detector: %d MiB of output; nothing after that was read", detectMax>>20))
	}
	if d.bad > notesMax {
		d.note(fmt.Sprintf("detector: %d of %d lines were no findings", d.bad, d.lines))
	}
	if d.findings > findingsMax {
		d.note(fmt.Sprintf("detector: %d findings; those after %d were not recorded", d.findings, findingsMax))
	}
}

// line handles one line; long says that it is only the beginning of one.
func (d *detections) line(line []byte, long bool) {
	d.lines++
	f, err := parseFinding(line)
	if long {
		err = fmt.Errorf("%w: longer than %d bytes", errNoFinding, lineMax)
	}
	if err != nil {
		if d.bad++; d.bad <= notesMax {
			d.note(fmt.Sprintf("detector: line %d: %v", d.lines, err))
		}
		return
	}
	if d.findings++; d.findings <= findingsMax {
		d.unlisted(f.Culprit)
		d.found(f)
	}
}

// unlisted notes a culprit that is not in the list, once: nothing can be judged right by that name.
func (d *detections) unlisted(culprit string) {
	if ValidCulprit(culprit) || d.unknown[culprit] {
		return
	}
	if d.unknown == nil {
		d.unknown = map[string]bool{}
	}
	d.unknown[culprit] = true
	switch n := len(d.unknown); {
	case n <= unknownMax:
		d.note(fmt.Sprintf("detector: line %d: unknown culprit %q; see the list in harness/tool/culprits.go", d.lines, culprit))
	case n == unknownMax+1:
		d.note("detector: still more unknown culprits; they are not noted")
	}
}
