package report

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/nov30/nov30/harness/slo"
)

// armView is an arm in report.html.
type armView struct {
	Name         string
	State        pill
	Note         string // what one must know before reading on
	Timeline     *timeline
	Moments      []momentRow
	MoreMoments  int
	Findings     []findingRow
	MoreFindings int
	Changes      []changesView
	Unchanged    string
	Certificates []certificateRow
	MoreCerts    int
	Probes       []probeRow
	Phases       []phaseRow
	Punctuality  string
	Files        []file
	MoreFiles    int
}

type momentRow struct{ At, Name, Detail string }

type findingRow struct {
	Severity, Kind, Culprit, Node, First, Evidence string
	Times                                          int
}

type probeRow struct {
	Probe, Phase, P50, P99, Max, Codes string
	Checks, Red                        int
}

type phaseRow struct{ Name, Took string }

type certificateRow struct {
	Name, Became string
	Sights       []sight
}

type sight struct{ When, Serial, Valid, Wrong string }

// changesView are the changes of one judgement.
type changesView struct {
	Title, Class string
	Open         bool
	Count, More  int
	List         []changeView
}

type changeView struct {
	Kind, Where string
	Lines       []diffLine
	More        int
}

type diffLine struct{ Class, Text string }

func armOf(id string, a slo.Arm, v slo.Verdict, arms map[slo.Arm]slo.Record, run fs.FS) armView {
	r, recorded := arms[a]
	av, judged := v.Arms[a]
	view := armView{Name: plain(string(a), nameMax), State: pillOf(av.State)}
	switch {
	case !recorded:
		view.Note = "There is no record of this arm."
	case !judged:
		view.Note = "This arm was broken off; it was not judged."
	}
	view.moments(av)
	if recorded {
		t := newTimeline(id, v, r)
		view.Timeline = &t
		view.record(r)
		view.changes(a, v, r)
	}
	view.Files, view.MoreFiles = filesOf(run, v.Name, a)
	return view
}

func (view *armView) moments(av slo.ArmVerdict) {
	for i, m := range av.Timeline {
		if i == momentsMax {
			view.MoreMoments = len(av.Timeline) - i
			break
		}
		view.Moments = append(view.Moments, momentRow{fmt.Sprintf("%+.3f s", m.AtS), plain(m.Name, nameMax), plain(m.Detail, textShown)})
	}
}

// record fills in what the record alone tells.
func (view *armView) record(r slo.Record) {
	found, more := findings(r)
	view.MoreFindings = more
	for _, f := range found {
		view.Findings = append(view.Findings, findingRow{plain(string(f.severity), nameMax), plain(f.kind, nameMax), or(plain(f.culprit, nameMax), "–"),
			or(plain(f.node, nameMax), "–"), at(f.first), or(plain(f.evidence, textShown), "–"), f.times})
	}
	for _, s := range stats(r) {
		view.Probes = append(view.Probes, probeRow{plain(s.probe, nameMax), plain(s.phase, nameMax), s.quantile(50), s.quantile(99), s.quantile(100),
			or(s.statusCodes(), "–"), s.checks, s.red})
	}
	for _, s := range phases(r) {
		view.Phases = append(view.Phases, phaseRow{plain(s.name, nameMax), fmt.Sprintf("%.1f s", (s.to - s.from).Seconds())})
	}
	view.Punctuality = punctuality(r)
	list, more := certificates(r)
	view.MoreCerts = more
	for _, l := range list {
		row := certificateRow{Name: plain(l.name, textShown), Became: l.became()}
		for _, when := range seenAt {
			serial, valid, wrong := l.life(when)
			row.Sights = append(row.Sights, sight{when, serial, valid, wrong})
		}
		view.Certificates = append(view.Certificates, row)
	}
}

func (view *armView) changes(a slo.Arm, v slo.Verdict, r slo.Record) {
	for _, j := range judgements {
		list := changesOf(v, a, j.state)
		if len(list) == 0 {
			continue
		}
		c := changesView{Title: j.title, Class: string(j.state), Open: j.state == slo.Vandalism, Count: len(list), More: max(0, len(list)-changesMax)}
		for _, change := range list[:len(list)-c.More] {
			one := changeView{Kind: plain(string(change.Kind), nameMax), Where: where(change.Change)}
			lines, more := diff(change.Diff)
			for _, l := range lines {
				one.Lines = append(one.Lines, diffLine{diffClass(l), l})
			}
			one.More = more
			c.List = append(c.List, one)
		}
		view.Changes = append(view.Changes, c)
	}
	if len(view.Changes) == 0 {
		view.Unchanged = unchanged(r)
	}
}

func diffClass(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return "plus"
	case strings.HasPrefix(line, "-"):
		return "minus"
	}
	return "same"
}
