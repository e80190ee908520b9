package report

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
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

// Markdown is the run for people: what a CI job shows on its summary page.
func Markdown(r Results) []byte {
	p := &page{}
	p.summary(r)
	for _, v := range r.Verdicts {
		p.scenario(v, r.Records[v.Name])
	}
	p.timings(r.Timings)
	return p.Bytes()
}

func (p *page) summary(r Results) {
	count := map[slo.State]int{}
	rows := [][]string{{"scenario", "verdict", "detect", "recover", "heal", "false alarms", "named"}}
	for _, v := range r.Verdicts {
		count[v.Verdict]++
		rows = append(rows, []string{
			markdown(v.Name, nameMax), state(v.Verdict), measured(v.DetectS), measured(v.RecoverS), measured(v.HealS),
			strconv.Itoa(v.FalseAlarms), or(markdown(v.Culprit, nameMax), "–"),
		})
	}
	p.line("# nov30: %d scenarios, %d pass, %d fail, %d inconclusive\n", len(r.Verdicts), count[slo.Pass], count[slo.Fail],
		len(r.Verdicts)-count[slo.Pass]-count[slo.Fail])
	p.line("Run %s, tool %s, exit code %d (%s).\n", markdown(r.Run, nameMax), or(markdown(tool(r.Records), nameMax), "not named"), r.Exit, exitMeans(r.Exit))
	p.table(rows...)
}

func (p *page) scenario(v slo.Verdict, arms map[slo.Arm]slo.Record) {
	p.line("## %s: %s\n", markdown(v.Name, nameMax), state(v.Verdict))
	p.line("%s\n", meaning(v, arms[slo.Treated].Spec))
	p.list(reasons(v))
	rows := [][]string{{"metric", "measured", "bound", "ok"}}
	for _, o := range v.Objectives {
		rows = append(rows, []string{markdown(string(o.Metric), nameMax), measured(o.MeasuredS), "≤ " + number(o.MaxS) + " s", yes(o.OK)})
	}
	p.table(rows...)
	for _, a := range []slo.Arm{slo.Untreated, slo.Treated, slo.Sham} {
		if av, ok := v.Arms[a]; ok {
			p.arm(a, av, arms[a])
		}
	}
}

func (p *page) timings(timings []Timing) {
	if len(timings) == 0 {
		return
	}
	p.line("## How long the stages took\n")
	if !slices.ContainsFunc(timings, func(t Timing) bool { return t.Baseline != nil }) {
		rows := [][]string{{"stage", "took"}}
		for _, t := range timings {
			rows = append(rows, []string{markdown(t.Name, nameMax), fmt.Sprintf("%.1f s", t.Seconds)})
		}
		p.table(rows...)
		return
	}
	p.line("The baseline is the same stage done the plain way in the same run.\n")
	rows := [][]string{{"stage", "took", "baseline", "difference"}}
	for _, t := range timings {
		base, diff := "–", "–"
		if t.Baseline != nil {
			base, diff = fmt.Sprintf("%.1f s", *t.Baseline), fmt.Sprintf("%+.1f s", t.Seconds-*t.Baseline)
		}
		rows = append(rows, []string{markdown(t.Name, nameMax), fmt.Sprintf("%.1f s", t.Seconds), base, diff})
	}
	p.table(rows...)
}

// meaning says in one line what the numbers of a verdict mean.
func meaning(v slo.Verdict, s slo.Spec) string {
	name := markdown(v.Culprit, nameMax)
	switch {
	case v.Verdict == slo.Fail:
		return "The fault did what it must; the tool did not."
	case v.Verdict != slo.Pass:
		return "Nothing is said about the tool: the experiment did not show what it must show before a tool can be judged."
	case v.DetectS == nil || v.RecoverS == nil:
		return "There was nothing to find, and the tool kept still."
	case s.Expect.Kind == slo.Outage || s.Expect.Kind == slo.ExpectHeals:
		return fmt.Sprintf("The tool first named %s; %s after the first probe turned red it had named the culprit, after %s every "+
			"probe was green again, and they stayed green through the soak.", name, measured(v.DetectS), measured(v.RecoverS))
	}
	return fmt.Sprintf("The tool first named %s; %s after the injection it had named the culprit, and it repaired it before any probe "+
		"turned red.", name, measured(v.DetectS))
}

func state(s slo.State) string {
	switch s {
	case slo.Pass, slo.Fail, slo.Inconclusive:
		return "**" + string(s) + "**"
	}
	return "**unknown**"
}

func exitMeans(code int) string {
	if text, ok := map[int]string{
		slo.ExitPass: "pass", slo.ExitFail: "a verdict is fail", slo.ExitInconclusive: "inconclusive",
		slo.ExitInfrastructure: "the experiment could not be run", slo.ExitRevertIncomplete: "a revert is incomplete",
		slo.ExitUsage: "usage", slo.ExitInterrupted: "interrupted",
	}[code]; ok {
		return text
	}
	return "unknown"
}

// tool is the tool that the records name.
func tool(records Records) string {
	for _, name := range slices.Sorted(maps.Keys(records)) {
		if t := records[name][slo.Treated].Tool; t != "" {
			return t
		}
	}
	return ""
}

func measured(s *float64) string {
	if s == nil {
		return "not measured"
	}
	return number(*s) + " s"
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
