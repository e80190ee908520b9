package bench

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// legend says what the columns are.
const legend = "Ratio: median divided by the baseline's, over the rounds that have both. Range: of the ratios within a round, with the " +
	"confidence\nwith which it encloses their median. MAD: median absolute deviation."

// Table is the comparison as plain text for a terminal.
func (r Result) Table() string {
	rows := r.rows()
	var out strings.Builder
	for _, f := range r.Machine {
		fmt.Fprintf(&out, "%s: %s\n", oneLine(f.Name, nameMax), oneLine(f.Value, errorMax))
	}
	fmt.Fprintf(&out, "%d rounds asked for, begun %s, took %s\n\n", r.Rounds, r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), seconds(r.Took))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WAY\tROUNDS\tMEDIAN\tMIN\tMAX\tMAD\tRATIO\tRANGE\tTARGET")
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row.cells(r.Rounds), "\t"))
	}
	w.Flush() // into memory: it cannot fail
	for _, row := range rows {
		for _, line := range row.troubles(r.Rounds) {
			fmt.Fprintln(&out, line)
		}
	}
	fmt.Fprintln(&out, "\n"+legend)
	for _, row := range rows {
		var parts []string
		for _, p := range row.parts() {
			parts = append(parts, fmt.Sprintf("%s %s", p.name, seconds(p.median())))
		}
		if len(parts) > 0 {
			fmt.Fprintf(&out, "%s, medians of its parts: %s\n", row.Name, strings.Join(parts, ", "))
		}
	}
	return out.String()
}

// cells are a way's row: what was not measured is an en dash.
func (w row) cells(rounds int) []string {
	name := w.Name
	if w.Baseline {
		name += " (baseline)"
	}
	cells := []string{name, fmt.Sprintf("%d of %d", len(w.times()), rounds), none, none, none, none, none, none, w.target()}
	if !w.complete {
		cells[1] += ", incomplete"
	}
	if w.measured {
		s := w.spread
		cells[2], cells[3], cells[4], cells[5] = seconds(s.Median), seconds(s.Min), seconds(s.Max), seconds(s.MAD)
	}
	if w.compared {
		cells[6], cells[7] = fmt.Sprintf("%.3f", w.ratio.OfMedians), fmt.Sprintf("%.3f to %.3f (%.1f %%)", w.ratio.Low, w.ratio.High, 100*w.ratio.Confidence)
	}
	return cells
}
