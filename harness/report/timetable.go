package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nov30/nov30/harness/slo"
)

// timeTable is where the time of a run went: a row for every arm, the run's own and the total last.
type timeTable struct {
	Parts []string // the columns
	Rows  []timeRow
	Total timeRow
}

// timeRow is an arm. A part that is not in Took there was not.
type timeRow struct {
	Scenario, Arm string
	Took          map[string]float64 // seconds
}

// rare are the parts that have a column only where one has the time.
var rare = []string{PartVain, PartOther}

// timesOf makes the table of where a run's time went, in the order of its verdicts.
func timesOf(r Results) timeTable {
	t := timeTable{Total: timeRow{Scenario: "total", Took: map[string]float64{}}}
	index := map[[2]string]map[string]float64{}
	for _, one := range timings(r) {
		key, part := [2]string{one.Scenario, one.Arm}, one.Part
		if !slices.Contains(partOrder, part) {
			part = PartOther
		}
		if index[key] == nil {
			index[key] = map[string]float64{}
		}
		index[key][part] += one.Seconds
		t.Total.Took[part] += one.Seconds
	}
	for _, scenario := range scenariosOf(r, index) {
		arms := map[slo.Arm]bool{}
		for key := range index {
			if key[0] == scenario {
				arms[slo.Arm(key[1])] = true
			}
		}
		for _, a := range armsOf(arms) {
			t.Rows = append(t.Rows, timeRow{scenario, string(a), index[[2]string{scenario, string(a)}]})
		}
	}
	for _, part := range partOrder {
		if _, took := t.Total.Took[part]; took || !slices.Contains(rare, part) {
			t.Parts = append(t.Parts, part)
		}
	}
	return t
}

// scenariosOf lists the scenarios of a table: in the order of the verdicts, then of the timings, then by name. The run
// itself, which is none, comes last.
func scenariosOf(r Results, rows map[[2]string]map[string]float64) []string {
	has := map[string]bool{}
	for key := range rows {
		has[key[0]] = true
	}
	var order []string
	add := func(name string) {
		if has[name] {
			order = append(order, name)
		}
		delete(has, name)
	}
	run := has[""]
	delete(has, "")
	for _, v := range r.Verdicts {
		add(v.Name)
	}
	for _, t := range r.Timings {
		add(t.Scenario)
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		add(name)
	}
	if run {
		order = append(order, "")
	}
	return order
}

// cells are all cells of a table, for timings.json.
func (t timeTable) cells() []Timing {
	cells := []Timing{}
	for _, row := range t.Rows {
		for _, part := range partOrder {
			if took, ok := row.Took[part]; ok {
				cells = append(cells, Timing{row.Scenario, row.Arm, part, milliseconds(took)})
			}
		}
	}
	return cells
}

// title names the columns.
func (t timeTable) title() []string {
	return append(append([]string{"scenario", "arm"}, t.Parts...), "total")
}

// words writes a row: what there was not is an en dash, never 0.
func (t timeTable) words(row timeRow) []string {
	words := []string{or(plain(row.Scenario, nameMax), "the run"), or(plain(row.Arm, nameMax), "–")}
	sum := 0.0
	for _, part := range t.Parts {
		took, ok := row.Took[part]
		if !ok {
			words = append(words, "–")
			continue
		}
		sum += took
		words = append(words, fmt.Sprintf("%.1f", took))
	}
	if len(row.Took) == 0 {
		return append(words, "–")
	}
	return append(words, fmt.Sprintf("%.1f", sum))
}

// rows are the table in words, cut short where it is too long; title and total are always there. Without a row it is nil.
func (t timeTable) rows() [][]string {
	if len(t.Rows) == 0 {
		return nil
	}
	rows := [][]string{t.title()}
	for _, row := range t.Rows {
		rows = append(rows, t.words(row))
	}
	return append(limited(rows, TimingsFile), t.words(t.Total))
}

// ReadTimeTable is the TimeTable of a run on disk, by its timings.json alone; where that cannot be read it says why.
func ReadTimeTable(runDir string) string {
	timings, err := ReadTimings(runDir)
	if err != nil {
		return fmt.Sprintf("where the time went is not known: %v\n", err)
	}
	return TimeTable(Results{Timings: timings})
}

// TimeTable is where the time of a run went, as plain text for a terminal, every line ended. Of a run without a time it
// says so.
func TimeTable(r Results) string {
	rows := timesOf(r).rows()
	if rows == nil {
		return "where the time went is not known: no part of the run was timed\n"
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	out.WriteString("where the time went, in seconds (– is a part that there was not, vain was waited for what did not come):\n")
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			blank := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < 2 {
				line.WriteString(cell + blank + "  ")
			} else {
				line.WriteString(blank + cell + "  ")
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}
