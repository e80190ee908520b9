package report

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

func TestTheConfusionTableCountsWhatWasNamedWhere(t *testing.T) {
	r := gallery(found())
	c := Confuse(r.Verdicts, r.Records)
	want := []ConfusionRow{
		{Wrong: "api", Named: map[string]Cell{"etcd/server": {Arms: 1}}},
		{Wrong: "etcd/server", Named: map[string]Cell{"etcd/server": {Arms: 4, Right: 4}}, NotJudged: 1}, // the probe gap
		{Wrong: "", Named: map[string]Cell{}, Nothing: Cell{Arms: 5, Right: 5}, NotJudged: 1},            // the sham arm that was broken off
	}
	if !reflect.DeepEqual(c.Rows, want) || !reflect.DeepEqual(c.Named, []string{"etcd/server"}) || c.Tool != "medic v0.1.0" {
		t.Errorf("%+v", c)
	}
	if text, err := json.Marshal(Confuse(nil, nil)); err != nil || string(text) != `{"tool":"","named":[],"rows":[],"scenarios":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}

// one is a scenario of the gallery whose sham and treated arms say something else.
func one(t *testing.T, sham, treated []slo.ToolFinding) (Confusion, slo.Verdict) {
	t.Helper()
	r := only(gallery(found()), "etcd-certs-expired")
	arms := r.Records["etcd-certs-expired"]
	for arm, list := range map[slo.Arm][]slo.ToolFinding{slo.Sham: sham, slo.Treated: treated} {
		rec := arms[arm]
		rec.Events = without(rec.Events, func(e slo.Event) bool { return e.Kind == slo.Finding })
		for i, f := range list {
			rec.Events = append(rec.Events, slo.Event{Seq: int64(len(rec.Events)) + 1, At: 14*s + time.Duration(i)*ms, Kind: slo.Finding, OK: true, Finding: &f})
		}
		arms[arm] = rec
	}
	v := slo.Evaluate(arms, arms[slo.Treated].Spec)
	return Confuse([]slo.Verdict{v}, r.Records), v
}

func TestWhatIsRightAndWhatIsWrong(t *testing.T) {
	critical := func(culprit string) slo.ToolFinding { return slo.ToolFinding{Severity: slo.Critical, Culprit: culprit} }
	warning := func(culprit string) slo.ToolFinding { return slo.ToolFinding{Severity: slo.Warning, Culprit: culprit} }
	for _, tt := range []struct {
		name          string
		sham, treated []slo.ToolFinding
		wrong, named  string // the row and the column of the only surprising cell
		want          Cell
	}{
		{"a further right answer", nil, []slo.ToolFinding{critical("etcd/peer")}, "etcd/server", "etcd/peer", Cell{1, 1}},
		{"a wrong one before the right one", nil, []slo.ToolFinding{critical("dns/coredns"), critical("etcd/server")}, "etcd/server", "dns/coredns", Cell{1, 0}},
		{"a right one before a wrong one", nil, []slo.ToolFinding{critical("etcd/server"), critical("dns/coredns")}, "etcd/server", "etcd/server", Cell{1, 1}},
		{"a warning names nothing", nil, []slo.ToolFinding{warning("etcd/server")}, "etcd/server", "", Cell{1, 0}},
		{"silence where something was wrong", nil, nil, "etcd/server", "", Cell{1, 0}},
		{"a false alarm", []slo.ToolFinding{critical("etcd/server")}, []slo.ToolFinding{critical("etcd/server")}, "", "etcd/server", Cell{1, 0}},
		{"a warning where nothing is wrong", []slo.ToolFinding{warning("ca")}, []slo.ToolFinding{critical("etcd/server")}, "", "", Cell{1, 1}},
		{"an empty name", nil, []slo.ToolFinding{critical("")}, "etcd/server", emptyName, Cell{1, 0}},
	} {
		c, _ := one(t, tt.sham, tt.treated)
		for _, row := range c.Rows {
			if row.Wrong != tt.wrong {
				continue
			}
			got := row.Nothing
			if tt.named != "" {
				got = row.Named[tt.named]
			}
			if got != tt.want {
				t.Errorf("%s: %+v", tt.name, row)
			}
		}
	}
}

func TestFalseAlarmsAreCountedWhereTheyWere(t *testing.T) {
	f := slo.ToolFinding{Severity: slo.Critical, Culprit: "ca"}
	w := slo.ToolFinding{Severity: slo.Warning, Culprit: "ca", Evidence: "one"}
	again := w
	again.Evidence = "two"
	c, v := one(t, []slo.ToolFinding{f, f, w}, []slo.ToolFinding{found(), w, again})
	d := c.Scenarios[0]
	if d.ShamAlarms == nil || *d.ShamAlarms != 2 || d.OtherAlarms != 0 || v.FalseAlarms != 2 || d.Warnings != 1 || d.Wrong == nil || *d.Wrong != "etcd/server" {
		t.Errorf("%+v", d)
	}
	r := only(gallery(found()), "vandal")
	delete(r.Records["vandal"], slo.Sham)
	delete(r.Verdicts[0].Arms, slo.Sham)
	r.Verdicts[0].FalseAlarms = 3
	if d := Confuse(r.Verdicts, r.Records).Scenarios[0]; d.ShamAlarms != nil || d.OtherAlarms != 3 || d.sham() != "not run" {
		t.Errorf("%+v", d)
	}
	if d := Confuse(r.Verdicts, nil).Scenarios[0]; d.Wrong != nil || d.wrong() != "not known" {
		t.Errorf("%+v", d)
	}
}

// What was wrong in the treated arm only the untreated one shows.
func TestWithoutItsUntreatedArmATreatedOneIsNotCounted(t *testing.T) {
	r := only(gallery(found()), "vandal")
	r.Verdicts[0].Arms[slo.Untreated] = slo.ArmVerdict{State: slo.Inconclusive}
	rows := Confuse(r.Verdicts, r.Records).Rows
	if len(rows) != 2 || rows[0].NotJudged != 1 || len(rows[0].Named) != 0 || rows[1].Nothing != (Cell{1, 1}) {
		t.Errorf("%+v", rows)
	}
}

func TestACellSaysHowOftenAndWhetherItWasRight(t *testing.T) {
	for want, c := range map[string]Cell{"–": {}, "2 ✓": {2, 2}, "1 ✗": {1, 0}, "1 ✓ 2 ✗": {3, 1}} {
		if got := c.words(); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	}
	if got := some(strings.Split("abcdefg", "")); got != "a, b, c, d, e and 2 more" {
		t.Error(got)
	}
}
