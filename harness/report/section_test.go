package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

func TestTheMeaningSaysWhatThePassWas(t *testing.T) {
	took := 1.5
	pass := slo.Verdict{Verdict: slo.Pass, Culprit: "etcd/server", DetectS: &took, RecoverS: &took}
	effect := func(k slo.EffectKind) slo.Spec { return slo.Spec{Expect: slo.Effect{Kind: k}} }
	for _, tt := range []struct {
		v    slo.Verdict
		s    slo.Spec
		want string
	}{
		{pass, effect(slo.Outage), "every probe was green again"},
		{pass, effect(slo.ExpectHeals), "every probe was green again"},
		{pass, effect(slo.ExpectWarn), "before any probe turned red"},
		{slo.Verdict{Verdict: slo.Pass}, effect(slo.ExpectNone), "nothing to find"},
		{slo.Verdict{Verdict: slo.Pass, DetectS: &took}, slo.Spec{Expect: slo.Effect{Kind: slo.Outage}, DetectOnly: true}, "not asked to repair"},
		{slo.Verdict{Verdict: slo.Fail, DetectS: &took, RecoverS: &took}, effect(slo.Outage), "the tool did not"},
		{slo.Verdict{Verdict: "odd", DetectS: &took, RecoverS: &took}, effect(slo.Outage), "Nothing is said"},
	} {
		if got := meaning(tt.v, tt.s); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s", tt.v.Verdict, tt.s.Expect.Kind, got)
		}
	}
}

func TestAFloodOfFindingsIsCutShort(t *testing.T) {
	r := untreated()
	for i := range 1000 {
		r.Events = append(r.Events, slo.Event{Kind: slo.Finding, At: 8 * s, Finding: &slo.ToolFinding{Severity: slo.Warning, Culprit: fmt.Sprint(i)}})
	}
	p := &page{}
	p.findings(r)
	if lines := strings.Count(p.String(), "\n"); lines != findingsMax+4 || !strings.Contains(p.String(), "… and 990 more") {
		t.Errorf("%d lines:\n%s", lines, p)
	}
	if !strings.Contains(p.String(), "| warning | 0 | – | +3.0 s | 1 | – |") {
		t.Error(p)
	}
}

func TestReasonsAreCutShort(t *testing.T) {
	v := slo.Verdict{Reasons: make([]string, 100)}
	if got := reasons(v); len(got) != reasonsMax+1 || got[reasonsMax] != "… and 80 more, see verdicts.json" {
		t.Errorf("%d: %s", len(got), got[len(got)-1])
	}
}

func TestLatenciesAreThoseOfThePhase(t *testing.T) {
	r := slo.Record{Spec: slo.Spec{Probes: []slo.ProbeSpec{{Name: "api"}}}, Events: []slo.Event{
		{Kind: slo.Phase, Name: slo.PhaseSteady}, {Kind: slo.Phase, Name: slo.PhaseEnd, At: 10 * s},
		{Kind: slo.Probe, Name: "api", At: 10 * s, Took: 9 * s, OK: true}, // scheduled with the end: of no phase
		{Kind: slo.Probe, Name: "site", At: 1 * s, Took: 9 * s, OK: true},
	}}
	for i := range 100 {
		r.Events = append(r.Events, slo.Event{Kind: slo.Probe, Name: "api", At: time.Duration(i), OK: i > 0, Took: time.Duration(i+1) * ms, Detail: "status 503"})
	}
	got := stats(r)
	if len(got) != 1 || got[0].checks != 100 || got[0].red != 1 || got[0].codes["503"] != 100 {
		t.Fatalf("%+v", got)
	}
	if p50, p99, most := got[0].quantile(50), got[0].quantile(99), got[0].quantile(100); p50 != "50.0 ms" || p99 != "99.0 ms" || most != "100.0 ms" {
		t.Errorf("p50 %s p99 %s max %s", p50, p99, most)
	}
	if none := (stat{}); none.quantile(50) != "–" {
		t.Error("a latency of nothing")
	}
}

// An arm that was broken off has no end: its last phase lasts to its last event.
func TestThePhasesOfAnArmThatWasBrokenOff(t *testing.T) {
	got := phases(slo.Record{Events: []slo.Event{{Kind: slo.Phase, Name: slo.PhaseSteady, At: 1 * s}, {Kind: slo.Note, At: 4 * s}}})
	if len(got) != 1 || got[0] != (span{slo.PhaseSteady, 1 * s, 4 * s}) {
		t.Errorf("%+v", got)
	}
	if got := origin(slo.Record{Events: []slo.Event{{Kind: slo.Phase, Name: slo.PhaseSteady, At: 1 * s}}}); got != 1*s {
		t.Errorf("origin %s", got)
	}
}

func TestVerdictsStandInTheOrderGiven(t *testing.T) {
	text := string(Markdown(Results{Verdicts: []slo.Verdict{{Name: "zeta"}, {Name: "alpha"}, {Name: "mu"}}}))
	z, a, m := strings.Index(text, "| zeta"), strings.Index(text, "| alpha"), strings.Index(text, "| mu")
	if z < 0 || a < z || m < a {
		t.Errorf("%s", text)
	}
}
