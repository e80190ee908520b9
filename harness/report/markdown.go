package report

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

// page is a Markdown text under construction.
type page struct{ bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes rows of cells that are Markdown already; the first row is the head. Without a second row it writes nothing.
func (p *page) table(rows ...[]string) {
	if len(rows) < 2 {
		return
	}
	for i, row := range rows {
		for _, cell := range row {
			fmt.Fprintf(p, "| %s ", cell)
		}
		p.line("|")
		if i == 0 {
			for range row {
				p.WriteString("|---")
			}
			p.line("|")
		}
	}
	p.line("")
}

// list writes texts from outside, which begin with words of our own.
func (p *page) list(texts []string) {
	for _, t := range texts {
		p.line("- %s", markdown(t, textShown+1)) // and the ellipsis
	}
	if len(texts) > 0 {
		p.line("")
	}
}

// Markdown is the run for people: what a CI job shows on its summary page. It keeps to the size that GitHub takes, and says
// what it leaves out.
func Markdown(r Results) []byte {
	parts := []part{
		compose("the summary", false, func(p *page) { p.summary(r) }),
		compose("the confusion table", false, func(p *page) { p.confusion(Confuse(r.Verdicts, r.Records)) }),
	}
	for _, v := range r.Verdicts {
		arms := r.Records[v.Name]
		parts = append(parts, compose(v.Name, false, func(p *page) { p.scenario(v, arms[slo.Treated].Spec) }))
		for _, a := range armsOf(v.Arms) {
			parts = append(parts, compose(v.Name+", arm "+string(a), true, func(p *page) { p.arm(a, v, arms[a]) }))
		}
	}
	parts = append(parts, compose("where the time went", false, func(p *page) { p.times(timesOf(r)) }))
	return fit(parts, markdownMax)
}

func (p *page) summary(r Results) {
	rows := [][]string{{"scenario", "verdict", "detect", "recover", "heal", "false alarms", "vandalism", "named"}}
	for _, v := range r.Verdicts {
		rows = append(rows, []string{
			markdown(v.Name, nameMax), state(v.Verdict), measured(v.DetectS), measured(v.RecoverS), measured(v.HealS),
			strconv.Itoa(v.FalseAlarms), vandalism(v, r.Records[v.Name]), or(markdown(v.Culprit, nameMax), "–"),
		})
	}
	p.line("# nov30: %s\n", counted(r.Verdicts))
	p.line("Run %s, tool %s, exit code %d (%s).\n", markdown(r.Run, nameMax), or(markdown(tool(r.Records), nameMax), "not named"), r.Exit, exitMeans(r.Exit))
	p.table(limited(rows, VerdictsFile)...)
}

// counted says how many verdicts there are of each kind.
func counted(verdicts []slo.Verdict) string {
	count := map[slo.State]int{}
	for _, v := range verdicts {
		count[v.Verdict]++
	}
	return fmt.Sprintf("%d scenarios, %d pass, %d fail, %d inconclusive", len(verdicts), count[slo.Pass], count[slo.Fail],
		len(verdicts)-count[slo.Pass]-count[slo.Fail])
}

func (p *page) scenario(v slo.Verdict, s slo.Spec) {
	p.line("## %s: %s\n", markdown(v.Name, nameMax), state(v.Verdict))
	p.line("%s\n", markdown(meaning(v, s), meaningMax))
	p.list(reasons(v))
	rows := [][]string{{"metric", "measured", "bound", "ok"}}
	for _, o := range v.Objectives {
		rows = append(rows, []string{markdown(string(o.Metric), nameMax), measured(o.MeasuredS), "≤ " + number(o.MaxS) + " s", yes(o.OK)})
	}
	p.table(rows...)
}
