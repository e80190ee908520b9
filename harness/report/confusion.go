package report

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nov30/nov30/harness/slo"
)

// Confusion is what a tool named where: a row for everything that was really wrong, a column for everything named.
type Confusion struct {
	Tool      string         `json:"tool"`
	Named     []string       `json:"named"` // every culprit that was named, sorted: the columns beside "nothing named"
	Rows      []ConfusionRow `json:"rows"`
	Scenarios []Detection    `json:"scenarios"`
}

// ConfusionRow is what the tool named critically first in the arms in which the same thing was wrong.
type ConfusionRow struct {
	Wrong   string          `json:"wrong"` // the scenario's culprit; empty: nothing was wrong
	Named   map[string]Cell `json:"named"`
	Nothing Cell            `json:"nothing_named"`
	// NotJudged arms are in no cell: they are inconclusive or were broken off, or the untreated arm did not show that this
	// was wrong.
	NotJudged int `json:"not_judged"`
}

// Cell counts arms. A further right answer of a scenario is right as well, so a cell off the diagonal can be.
type Cell struct {
	Arms  int `json:"arms"`
	Right int `json:"right"`
}

// Detection is how a tool's detector did in one scenario.
type Detection struct {
	Scenario      string    `json:"scenario"`
	Verdict       slo.State `json:"verdict"`
	Wrong         *string   `json:"wrong"` // as in ConfusionRow; null: no record tells
	DetectS       *float64  `json:"detect_s"`
	WrongCulprits []string  `json:"wrong_culprits"`
	ShamAlarms    *int      `json:"false_alarms_sham"` // null: there was no sham arm
	OtherAlarms   int       `json:"false_alarms_elsewhere"`
	Warnings      int       `json:"warnings"` // different ones in the sham and the treated arm
}

// emptyName stands for a critical finding that names an empty culprit, which is not the same as naming nothing.
const emptyName = "(an empty name)"

// Confuse makes the confusion table of a run's tool. Each sham and treated arm that was judged counts once.
func Confuse(verdicts []slo.Verdict, records Records) Confusion {
	c := Confusion{Tool: plain(tool(records), nameMax), Named: []string{}, Rows: []ConfusionRow{}, Scenarios: []Detection{}}
	rows := map[string]*ConfusionRow{}
	for _, v := range verdicts {
		arms := records[v.Name]
		for _, a := range []slo.Arm{slo.Sham, slo.Treated} {
			if r, ok := arms[a]; ok {
				wrong := wrongIn(a, r.Spec)
				if rows[wrong] == nil {
					rows[wrong] = &ConfusionRow{Wrong: plain(wrong, nameMax), Named: map[string]Cell{}}
				}
				rows[wrong].count(r, shown(v, a))
			}
		}
		c.Scenarios = append(c.Scenarios, detection(v, arms))
	}
	columns := map[string]bool{}
	for _, row := range rows {
		for name := range row.Named {
			columns[name] = true
		}
		c.Rows = append(c.Rows, *row)
	}
	c.Named = slices.AppendSeq(c.Named, maps.Keys(columns))
	slices.Sort(c.Named)
	slices.SortFunc(c.Rows, func(a, b ConfusionRow) int {
		if (a.Wrong == "") != (b.Wrong == "") {
			return cmp.Compare(b.Wrong, a.Wrong) // nothing wrong stands last, as nothing named does
		}
		return cmp.Compare(a.Wrong, b.Wrong)
	})
	return c
}

// wrongIn is what was really wrong in an arm.
func wrongIn(a slo.Arm, s slo.Spec) string {
	if a == slo.Sham {
		return ""
	}
	return s.Culprit
}

// shown says whether an arm was judged. What was wrong in the treated arm only the untreated one can show.
func shown(v slo.Verdict, a slo.Arm) bool {
	judged := func(a slo.Arm) bool { return v.Arms[a].State == slo.Pass || v.Arms[a].State == slo.Fail }
	return judged(a) && (a == slo.Sham || v.Arms[slo.Untreated].State == slo.Pass)
}

func (row *ConfusionRow) count(r slo.Record, judged bool) {
	if !judged {
		row.NotJudged++
		return
	}
	first := firstNamed(r)
	if first == nil {
		row.Nothing.add(row.Wrong == "")
		return
	}
	right := r.Arm != slo.Sham && r.Spec.Culprit != "" &&
		(first.Culprit == r.Spec.Culprit || slices.Contains(r.Spec.Also, first.Culprit))
	name := or(plain(first.Culprit, nameMax), emptyName)
	cell := row.Named[name]
	cell.add(right)
	row.Named[name] = cell
}

func (c *Cell) add(right bool) {
	c.Arms++
	if right {
		c.Right++
	}
}
