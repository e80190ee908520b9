package slo

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// saved is a scenario as JSON: Record leaves its events out, because they have a file of their own.
type saved struct {
	Spec Spec `json:"spec"`
	Arms map[Arm]struct {
		Record
		Events []Event `json:"events"`
	} `json:"arms"`
}

func (sv saved) records() map[Arm]Record {
	arms := map[Arm]Record{}
	for a, r := range sv.Arms {
		r.Record.Events = r.Events
		arms[a] = r.Record
	}
	return arms
}

func save(sc scenario) []byte {
	sv := saved{Spec: sc.sp, Arms: map[Arm]struct {
		Record
		Events []Event `json:"events"`
	}{}}
	for a, r := range records(sc.drafts...) {
		e := sv.Arms[a]
		e.Record, e.Events = r, r.Events
		sv.Arms[a] = e
	}
	text, err := json.Marshal(sv)
	if err != nil {
		panic(err)
	}
	return text
}

// thin leaves one check in four: short seeds are mutated faster.
func thin(sc scenario) scenario {
	sc.sp.Probes, sc.sp.Expect.Within = slices.Clone(sc.sp.Probes), 2*sc.sp.Expect.Within
	for i := range sc.sp.Probes {
		sc.sp.Probes[i].Interval *= 4
	}
	for _, d := range sc.drafts {
		d.spec = sc.sp
		d.drop(func(e Event) bool { return e.Kind == Probe && e.At/s%4 != 0 })
	}
	return sc
}

// FuzzEvaluate checks on arbitrary records that the evaluation returns, is the same twice, is valid JSON, and passes only
// what has all its arms and probes that were checked.
func FuzzEvaluate(f *testing.F) {
	for _, build := range scenarios() {
		f.Add(save(thin(build())))
	}
	f.Add([]byte(`{"spec":{"arms":["untreated","treated"]},"arms":{"treated":{"version":1,"events":[{"seq":1,"kind":"finding"}]},"x":{}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var sv saved
		if json.Unmarshal(text, &sv) != nil {
			return
		}
		arms := sv.records()
		v := Evaluate(arms, sv.Spec)
		first, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(Evaluate(arms, sv.Spec)); !bytes.Equal(first, again) {
			t.Fatalf("not the same twice:\n%s\n%s", first, again)
		}
		if v.Verdict != Pass {
			if len(v.Reasons) == 0 {
				t.Fatalf("%s without a reason", v.Verdict)
			}
			return
		}
		for _, a := range []Arm{Untreated, Treated} {
			if !slices.ContainsFunc(arms[a].Events, is(Probe)) {
				t.Fatalf("pass without a check in %s", a)
			}
		}
	})
}

func TestAThinScenarioPassesAsWell(t *testing.T) {
	for name, build := range scenarios() {
		sc := thin(build())
		if v := Evaluate(records(sc.drafts...), sc.sp); v.Verdict != Pass {
			t.Errorf("%s: %v", name, v.Reasons)
		}
	}
}

func TestASavedScenarioIsJudgedAsTheLiveOne(t *testing.T) {
	for name, build := range scenarios() {
		var sv saved
		if err := json.Unmarshal(save(build()), &sv); err != nil {
			t.Fatal(err)
		}
		live, _ := json.Marshal(Evaluate(records(build().drafts...), build().sp))
		again, _ := json.Marshal(Evaluate(sv.records(), sv.Spec))
		if !bytes.Equal(live, again) {
			t.Errorf("%s:\n%s\n%s", name, live, again)
		}
	}
}
