package report

import (
	"fmt"
	"io/fs"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

// scenarioView is a scenario in report.html.
type scenarioView struct {
	ID, Name   string
	Verdict    pill
	Meaning    string
	Reasons    []string
	Expect     string
	Wrong      string // what was wrong, with the further right answers
	Objectives []objectiveRow
	Arms       []armView
}

type objectiveRow struct {
	Metric, Measured, Bound, By string
	OK                          bool
}

func scenarioOf(id string, v slo.Verdict, arms map[slo.Arm]slo.Record, run fs.FS) scenarioView {
	s := scenarioView{ID: id, Name: plain(v.Name, nameMax), Verdict: pillOf(v.Verdict), Meaning: meaning(v, arms[slo.Treated].Spec), Reasons: reasons(v)}
	for _, a := range armsOf(arms) {
		spec := arms[a].Spec
		s.Expect = plain(string(spec.Expect.Kind), nameMax)
		s.Wrong = or(plain(spec.Culprit, nameMax), nothingWrong)
		if len(spec.Also) > 0 {
			s.Wrong += " (also right: " + plain(some(spec.Also), textShown) + ")"
		}
	}
	for _, o := range v.Objectives {
		s.Objectives = append(s.Objectives, objectiveRow{Metric: plain(string(o.Metric), nameMax), Measured: measured(o.MeasuredS),
			Bound: "≤ " + number(o.MaxS) + " s", By: byHowMuch(o), OK: o.OK})
	}
	all := map[slo.Arm]bool{} // judged, or broken off
	for a := range v.Arms {
		all[a] = true
	}
	for a := range arms {
		all[a] = true
	}
	for i, a := range armsOf(all) {
		s.Arms = append(s.Arms, armOf(id+"a"+strconv.Itoa(i+1), a, v, arms, run))
	}
	return s
}

// byHowMuch says how far a measured time is from its bound.
func byHowMuch(o slo.ObjectiveResult) string {
	switch {
	case o.MeasuredS == nil:
		return "–"
	case *o.MeasuredS > o.MaxS:
		return fmt.Sprintf("%.3f s over", *o.MeasuredS-o.MaxS)
	}
	return fmt.Sprintf("%.3f s to spare", o.MaxS-*o.MeasuredS)
}

// confusionView is the confusion table in report.html.
type confusionView struct {
	Named      []string
	Rows       []confusionRowView
	Detections []detectionRow
}

type confusionRowView struct {
	Wrong     string
	Cells     []cellView
	NotJudged int
}

type cellView struct{ Class, Text string }

type detectionRow struct {
	Scenario, Wrong, Detect, WrongCulprits, Sham string
	Other, Warnings                              int
}

func confusionOf(c Confusion) *confusionView {
	if len(c.Rows) == 0 {
		return nil
	}
	view := &confusionView{Named: c.Named}
	for _, r := range c.Rows {
		row := confusionRowView{Wrong: or(r.Wrong, nothingWrong), NotJudged: r.NotJudged}
		for _, name := range c.Named {
			row.Cells = append(row.Cells, r.Named[name].view())
		}
		row.Cells = append(row.Cells, r.Nothing.view())
		view.Rows = append(view.Rows, row)
	}
	for _, d := range c.Scenarios {
		view.Detections = append(view.Detections, detectionRow{d.Scenario, d.wrong(), measured(d.DetectS), or(plain(some(d.WrongCulprits), textShown), "–"),
			d.sham(), d.OtherAlarms, d.Warnings})
	}
	return view
}

func (c Cell) view() cellView {
	class := "wrong"
	switch {
	case c.Arms == 0:
		class = "none"
	case c.Right == c.Arms:
		class = "right"
	}
	return cellView{class, c.words()}
}
