package slo

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func passing() map[Arm]Record { return records(untreatedOf(spec()), treatedOf(spec())) }

func TestAMissingArmIsPartial(t *testing.T) {
	for _, arm := range []Arm{Untreated, Treated} {
		arms := passing()
		delete(arms, arm)
		v := Evaluate(arms, spec())
		if v.Verdict != Inconclusive || v.Reasons[0] != "partial: arm "+string(arm)+" was not run" {
			t.Errorf("%s %v", v.Verdict, v.Reasons)
		}
	}
	sp := spec()
	sp.Arms = append(sp.Arms, Sham)
	if v := Evaluate(passing(), sp); v.Verdict != Inconclusive || !slices.Contains(v.Reasons, "partial: arm sham was not run") {
		t.Errorf("%s %v", v.Verdict, v.Reasons)
	}
	if v := Evaluate(nil, spec()); v.Verdict != Inconclusive {
		t.Errorf("no arms: %s", v.Verdict)
	}
}

func TestPrecedence(t *testing.T) {
	u, f, p := ArmVerdict{State: Inconclusive}, ArmVerdict{State: Fail}, ArmVerdict{State: Pass}
	for _, tt := range []struct {
		untreated, treated, sham ArmVerdict
		want                     State
	}{
		{p, p, p, Pass}, {p, f, p, Fail}, {p, p, f, Fail}, {p, u, f, Fail}, {p, f, u, Fail}, {p, u, p, Inconclusive},
		{u, p, p, Inconclusive}, {u, f, p, Inconclusive}, {u, p, f, Inconclusive}, {p, p, ArmVerdict{}, Inconclusive},
	} {
		arms := map[Arm]ArmVerdict{Untreated: tt.untreated, Treated: tt.treated, Sham: tt.sham}
		if got := combine(arms, true); got != tt.want {
			t.Errorf("%v: %s, want %s", arms, got, tt.want)
		}
		if got := combine(arms, false); got != Inconclusive {
			t.Errorf("not whole: %s", got)
		}
	}
}

func TestARecordThatIsNotWhatItShouldBeIsInconclusive(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(*Record)
		reason string
	}{
		"newer":          {func(r *Record) { r.Version = RecordVersion + 1 }, "version 4"},
		"no version":     {func(r *Record) { r.Version = 0 }, "version 0"},
		"other arm":      {func(r *Record) { r.Arm = Untreated }, "the record is of"},
		"other scenario": {func(r *Record) { r.Scenario = "dns" }, "the record is of dns"},
		"other run":      {func(r *Record) { r.Run = "r2" }, "different runs"},
		"empty":          {func(r *Record) { r.Events = nil }, "no events"},
		"event lost":     {func(r *Record) { r.Events = slices.Delete(r.Events, 30, 31) }, "event 31 is missing: number 32"},
		"not numbered":   {func(r *Record) { r.Events[0].Seq = 0 }, "event 1 is missing"},
		"negative time":  {func(r *Record) { r.Events[9].At = -1 }, "impossible time"},
		"far away":       {func(r *Record) { r.Events[9].At = longest + 1 }, "impossible time"},
		"negative took":  {func(r *Record) { r.Events[9].Took = -1 }, "impossible time"},
		"overflow":       {func(r *Record) { r.Events[9].Took = 1<<63 - 1 }, "impossible time"},
		"unknown kind":   {func(r *Record) { r.Events[9].Kind = "x" }, "unknown kind x"},
		"unknown probe":  {func(r *Record) { r.Events[9].Name = "dns" }, "the scenario has no probe dns"},
		"phase twice": {func(r *Record) {
			r.Events = number(append(r.Events, Event{Kind: Phase, Name: PhaseSoak, At: 30 * s}))
		}, "phase soak twice"},
		"foreign phase": {func(r *Record) {
			r.Events = number(append(r.Events, Event{Kind: Phase, Name: PhaseHold, At: 30 * s}))
		}, "a phase that the arm does not have"},
		"phases out of order": {func(r *Record) {
			for i, e := range r.Events {
				if e.Name == PhaseInject {
					r.Events[i].At = 30 * s
				}
			}
		}, "phase recover begins too early"},
		"hollow finding": {func(r *Record) {
			r.Events = number(append(r.Events, Event{Kind: Finding, At: 30 * s}))
		}, "a finding without content"},
	} {
		t.Run(name, func(t *testing.T) {
			arms := passing()
			r := arms[Treated]
			tt.spoil(&r)
			arms[Treated] = r
			v := Evaluate(arms, spec())
			if v.Verdict != Inconclusive || !strings.Contains(strings.Join(v.Reasons, "\n"), tt.reason) {
				t.Errorf("%s %v", v.Verdict, v.Reasons)
			}
		})
	}
}

func TestASpecAtFaultIsInconclusive(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(*Spec)
		reason string
	}{
		"no arms":            {func(s *Spec) { s.Arms = nil }, "a pass needs the arm untreated"},
		"treated only":       {func(s *Spec) { s.Arms = []Arm{Treated} }, "a pass needs the arm untreated"},
		"no probes":          {func(s *Spec) { s.Probes = nil }, "there is no probe"},
		"probe twice":        {func(s *Spec) { s.Probes[1].Name = "api" }, "taken"},
		"no interval":        {func(s *Spec) { s.Probes[1].Interval = 0 }, "out of range"},
		"endless interval":   {func(s *Spec) { s.Probes[1].Interval = 1<<63 - 1 }, "out of range"},
		"no timeout":         {func(s *Spec) { s.Probes[1].Timeout = 0 }, "out of range"},
		"no effect":          {func(s *Spec) { s.Expect.Kind = "" }, "unknown effect"},
		"outage of no probe": {func(s *Spec) { s.Probes[0].Red = false }, "names no probe"},
		"warning with red":   {func(s *Spec) { s.Expect.Kind = ExpectWarn }, "yet a probe must turn red"},
		"heals without time": {func(s *Spec) { s.Expect.Kind = ExpectHeals }, "out of range"},
		"no culprit":         {func(s *Spec) { s.Culprit = "" }, "no culprit"},
		"further answers to nothing": {func(s *Spec) {
			*s = harmless()
			s.Also = []string{"x"}
		}, "no culprit"},
		"unknown metric":        {func(s *Spec) { s.Objectives[0].Metric = "x" }, "unknown metric"},
		"metric twice":          {func(s *Spec) { s.Objectives[1].Metric = Detect }, "two objectives"},
		"no bound":              {func(s *Spec) { s.Objectives[0].Max = 0 }, "out of range"},
		"heal without api":      {func(s *Spec) { s.Probes[0].Name = "write" }, "needs the probe api"},
		"says of a green probe": {func(s *Spec) { s.Probes[1].Says = "status 502" }, `probe site must say "status 502", yet no outage`},
		"says without an outage": {func(s *Spec) {
			s.Probes[0].Says, s.Expect = "status 502", Effect{Kind: ExpectHeals, Within: 15 * time.Second}
		}, "probe api must say"},
		"negative soak": {func(s *Spec) { s.Soak = -1 }, "soak"},
	} {
		t.Run(name, func(t *testing.T) {
			sp := spec()
			tt.spoil(&sp)
			v := Evaluate(passing(), sp)
			if v.Verdict != Inconclusive || !strings.Contains(strings.Join(v.Reasons, "\n"), tt.reason) {
				t.Errorf("%s %v", v.Verdict, v.Reasons)
			}
			if err := sp.Validate(); err == nil || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("Validate: %v", err)
			}
		})
	}
	noAPI := spec()
	noAPI.Probes[0].Name, noAPI.Objectives = "write", []Objective{{Detect, s}, {Recover, s}}
	for _, sp := range []Spec{spec(), latent(), harmless(), noAPI} {
		if err := sp.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnIncompleteRevertIsReportedBesideTheVerdict(t *testing.T) {
	u := untreatedOf(spec()).each(is(Revert), func(e *Event) { e.OK, e.Error = false, "node is gone" })
	v := Evaluate(records(u, treatedOf(spec())), spec())
	if v.Verdict != Pass || !v.RevertIncomplete || ExitCode([]Verdict{v}) != ExitRevertIncomplete {
		t.Errorf("%+v", v)
	}
	if len(v.Reasons) != 1 || v.Reasons[0] != "untreated: revert incomplete: restore: node is gone" {
		t.Errorf("%v", v.Reasons)
	}
}

func TestExitCode(t *testing.T) {
	p, f, u := Verdict{Verdict: Pass}, Verdict{Verdict: Fail}, Verdict{Verdict: Inconclusive}
	r := Verdict{Verdict: Pass, RevertIncomplete: true}
	for _, tt := range []struct {
		verdicts []Verdict
		want     int
	}{
		{nil, 2}, {[]Verdict{p}, 0}, {[]Verdict{p, u, p}, 2}, {[]Verdict{f, u}, 1}, {[]Verdict{u, f, p}, 1},
		{[]Verdict{f, u, r}, 4}, {[]Verdict{{}}, 2},
	} {
		if got := ExitCode(tt.verdicts); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.verdicts, got, tt.want)
		}
	}
}

func TestTheJSONHasTheNamesOfTheDesignAndIsTheSameEveryTime(t *testing.T) {
	first, err := json.Marshal(Evaluate(passing(), spec()))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := json.Marshal(Evaluate(passing(), spec())); string(again) != string(first) {
			t.Fatalf("%s\n%s", first, again)
		}
	}
	var fields map[string]any
	if err := json.Unmarshal(first, &fields); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(fields))
	for _, want := range []string{"name", "verdict", "reasons", "detect_s", "recover_s", "false_alarms", "culprit", "arms"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in %v", want, names)
		}
	}
	none, _ := json.Marshal(Evaluate(nil, spec()))
	if !strings.Contains(string(none), `"detect_s":null`) || !strings.Contains(string(none), `"wrong_culprits":[]`) {
		t.Errorf("%s", none)
	}
}

func TestEvaluateLeavesTheRecordsAsTheyAre(t *testing.T) {
	arms, want := passing(), passing()
	Evaluate(arms, spec())
	if !reflect.DeepEqual(arms, want) {
		t.Error("a record was changed")
	}
}

func TestATextFromOutsideIsOneBoundedLine(t *testing.T) {
	got := clip("a\nb\x1b[31m\u202e" + strings.Repeat("x", 1000))
	if strings.ContainsAny(got, "\n\x1b\u202e") || len([]rune(got)) != clipAt+1 {
		t.Errorf("%q", got)
	}
}
