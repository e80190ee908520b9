package report

import (
	"bytes"
	"fmt"
)

// markdownMax is how many bytes of Markdown a run may have. GitHub takes 1 MiB for the summary of a step, and whoever
// appends to it may have written something already. rowsMax is how many rows a table over all scenarios may have.
const (
	markdownMax = 900 << 10
	rowsMax     = 200
)

// leftOutMax is how many of the parts that were left out are named; the note about them has no more than noteMax bytes.
const (
	leftOutMax = 20
	noteMax    = 16 << 10
)

// part is a part of the Markdown that is written or left out as a whole.
type part struct {
	name   string // from outside
	detail bool   // it is left out before those that are none
	text   []byte
}

func compose(name string, detail bool, write func(*page)) part {
	p := &page{}
	write(p)
	return part{name, detail, p.Bytes()}
}

// fit joins the parts that fit into a size, in their order, and names the others at the end.
func fit(parts []part, size int) []byte {
	left, in := size-noteMax, make([]bool, len(parts))
	for _, detail := range []bool{false, true} {
		for i, p := range parts {
			if p.detail == detail && len(p.text) <= left {
				in[i], left = true, left-len(p.text)
			}
		}
	}
	var out bytes.Buffer
	note, missing := &page{}, 0
	for i, p := range parts {
		if in[i] {
			out.Write(p.text)
			continue
		}
		if missing++; missing <= leftOutMax {
			note.line("- %s", markdown("about "+p.name, nameMax))
		}
	}
	if missing > leftOutMax {
		note.line("- … and %d more", missing-leftOutMax)
	}
	if missing > 0 {
		fmt.Fprintf(&out, "## Left out\n\nThis text would be too long for a job summary with these; %s has all of them.\n\n%s", HTMLFile, note)
	}
	return out.Bytes()
}

// limited cuts a table short, which a file has as a whole; the first row is the head.
func limited(rows [][]string, file string) [][]string {
	more := len(rows) - 1 - rowsMax
	if more <= 0 {
		return rows
	}
	last := make([]string, len(rows[0]))
	last[0] = fmt.Sprintf("… and %d more, see %s", more, file)
	return append(rows[:rowsMax+1:rowsMax+1], last)
}
