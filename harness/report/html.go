package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

//go:embed html
var htmlFS embed.FS

// pages are the templates of report.html. They escape everything by where it stands.
var pages = template.Must(template.New("").ParseFS(htmlFS, "html/*.tmpl"))

// htmlPage is report.html before it is written: texts are bounded, hold no secret and print; they are not escaped yet.
type htmlPage struct {
	CSS       template.CSS
	Run, Tool string
	Counted   string
	Exit      int
	Means     string
	Started   string
	Took      string
	Summary   []summaryRow
	Confusion *confusionView
	Scenarios []scenarioView
	Times     *timesView
}

type summaryRow struct {
	ID, Name                                string
	Verdict                                 pill
	Detect, Recover, Heal, Vandalism, Named string
	FalseAlarms                             int
}

// pill is a judgement: word, sign and class, so that it does not hang on its colour.
type pill struct{ Class, Sign, Text string }

func pillOf(s slo.State) pill {
	switch s {
	case slo.Pass:
		return pill{"pass", "✓", "pass"}
	case slo.Fail:
		return pill{"fail", "✗", "fail"}
	case slo.Inconclusive:
		return pill{"inconclusive", "?", "inconclusive"}
	}
	return pill{"inconclusive", "?", "unknown"}
}

// HTML is the run as one page that needs nothing beside itself: no network, no script. run is the run's directory, for links
// to what was kept as evidence; with nil there are none. The same results and files give the same bytes.
func HTML(r Results, run fs.FS) ([]byte, error) {
	css, err := htmlFS.ReadFile("html/style.css")
	if err != nil {
		return nil, err
	}
	p := htmlPage{CSS: template.CSS(css), Run: plain(r.Run, nameMax), Tool: or(plain(tool(r.Records), nameMax), "not named"),
		Counted: counted(r.Verdicts), Exit: r.Exit, Means: exitMeans(r.Exit), Confusion: confusionOf(Confuse(r.Verdicts, r.Records))}
	p.times(r)
	for i, v := range r.Verdicts {
		id := "s" + strconv.Itoa(i+1)
		p.Summary = append(p.Summary, summaryOf(id, v, r.Records[v.Name]))
		p.Scenarios = append(p.Scenarios, scenarioOf(id, v, r.Records[v.Name], run))
	}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "page.tmpl", p); err != nil {
		return nil, fmt.Errorf("%s: %w", HTMLFile, err)
	}
	return out.Bytes(), nil
}

func summaryOf(id string, v slo.Verdict, arms map[slo.Arm]slo.Record) summaryRow {
	return summaryRow{ID: id, Name: plain(v.Name, nameMax), Verdict: pillOf(v.Verdict), Detect: measured(v.DetectS), Recover: measured(v.RecoverS),
		Heal: measured(v.HealS), Vandalism: vandalism(v, arms), Named: or(plain(v.Culprit, nameMax), "–"), FalseAlarms: v.FalseAlarms}
}

// times fills in when the run began, how long its arms took, and where the time went.
func (p *htmlPage) times(r Results) {
	var started string
	total := 0.0
	for _, arms := range r.Records {
		total += lasted(arms).Seconds()
		for _, rec := range arms {
			if at := rec.Started.UTC().Format("2006-01-02 15:04:05 UTC"); !rec.Started.IsZero() && (started == "" || at < started) {
				started = at
			}
		}
	}
	p.Started, p.Took = or(started, "not known"), fmt.Sprintf("%.1f s", total)
	p.Times = timesViewOf(timesOf(r))
}
