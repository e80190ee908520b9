package report

import (
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// paced is a treated arm with the judged time from 0 to 35 s, in which one wake-up and one check were late.
func paced() slo.Record {
	r := treated(found())
	r.Spec.Pace = true
	for at := time.Duration(0); at < 37*s; at += s {
		r.Events = append(r.Events, beat(at, ms, 0))
	}
	for i, e := range r.Events {
		switch {
		case e.Kind == slo.Pace && e.At == 10*s:
			r.Events[i] = beat(e.At, 34500*time.Microsecond, 1)
		case e.Kind == slo.Pace && e.At == 35*s:
			r.Events[i] = beat(e.At, 9*s, 20) // after the end
		case e.Kind == slo.Probe && e.Name == "api" && e.At == 3100*ms:
			r.Events[i].Late = slo.WakeLate
		case e.Kind == slo.Probe && e.Name == "site" && e.At == 3100*ms:
			r.Events[i].Late = slo.WakeLate - 1
		}
		r.Events[i].Seq = int64(i) + 1
	}
	return r
}

func beat(at, worst time.Duration, late int) slo.Event {
	return slo.Event{Kind: slo.Pace, At: at, OK: late == 0, Took: s, Late: worst, Wakes: &slo.Wakes{Due: 20, Late: late}}
}

func TestTheReportsSayHowLateNov30ItselfWas(t *testing.T) {
	const line = "nov30 itself: 1 of 700 wake-ups late (0.1 %, at most 34.5 ms), 1 of 70 checks fired late (1.4 %, at most 20.0 ms)."
	if got := punctuality(paced()); got != line {
		t.Errorf("%s", got)
	}
	r := results(found())
	r.Records["etcd-certs-expired"][slo.Treated] = paced()
	if text := string(Markdown(r)); strings.Count(text, line) != 1 {
		t.Errorf("it is not in the Markdown once:\n%s", text)
	}
	if text := html(t, r); strings.Count(string(text), line) != 1 {
		t.Error("it is not in the HTML once")
	}
}

func TestARecordThatDoesNotTellHowLateNov30Was(t *testing.T) {
	if got := punctuality(treated(found())); got != "" {
		t.Errorf("an old record: %s", got)
	}
	r := treated(found())
	r.Spec.Pace = true
	if got := punctuality(r); got != "Nobody watched whether nov30 itself ran in time." {
		t.Errorf("%q", got)
	}
	hollow := paced()
	for i, e := range hollow.Events {
		if e.Kind == slo.Pace {
			hollow.Events[i].Wakes = nil
		}
	}
	if got := punctuality(hollow); !strings.HasPrefix(got, "Nobody watched") {
		t.Errorf("%q", got)
	}
}
