package report

import (
	"math"
	"reflect"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// told is what a record's parts are, in their order.
func told(r slo.Record) (parts []string, took map[string]float64) {
	took = map[string]float64{}
	for _, p := range RecordParts(r) {
		if _, twice := took[p.Part]; twice || p.Scenario != r.Scenario || p.Arm != string(r.Arm) {
			p.Part += " (wrong)"
		}
		parts, took[p.Part] = append(parts, p.Part), p.Seconds
	}
	return parts, took
}

func TestTheRecordTellsWhereItsTimeWent(t *testing.T) {
	r := gallery(found()).Records
	early := repaired(exam("early"), found())
	for i, e := range early.Events {
		if e.Kind == slo.Finding {
			early.Events[i].At = 12500 * ms // before the bite
		}
	}
	missed := repaired(exam("missed"), found())
	missed.Events = without(missed.Events, func(e slo.Event) bool {
		return e.Kind == slo.Finding || e.Kind == slo.ToolEvent && e.Name != slo.DetectStart || e.Kind == slo.Phase && e.Name == slo.PhaseSoak
	})
	stuck := repaired(exam("stuck"), found())
	stuck.Events = without(stuck.Events, func(e slo.Event) bool { return e.Kind == slo.Phase && e.Name == slo.PhaseSoak })
	never := bitten(exam("never"))
	never.Events = without(never.Events, func(e slo.Event) bool { return e.Kind == slo.Phase })
	never.Events = append(never.Events, slo.Event{Kind: slo.Revert, At: 99 * s})
	left := repaired(exam("left"), found())
	left.Events = without(left.Events, func(e slo.Event) bool { return e.Kind == slo.Phase && e.Name == slo.PhaseEnd })
	quiet := repaired(exam("quiet"), found())
	quiet.Spec.Culprit, quiet.Spec.Expect.Kind, quiet.Spec.Objectives, quiet.Spec.Symptom, quiet.Spec.Also, quiet.Spec.Renewed = "", slo.ExpectNone, nil, "", nil, nil
	quiet.Events = without(quiet.Events, func(e slo.Event) bool {
		return e.Kind == slo.Finding || e.Kind == slo.Phase && e.Name == slo.PhaseSoak
	})
	for name, tt := range map[string]struct {
		r    slo.Record
		want map[string]float64
	}{
		"sham":                          {r["vandal"][slo.Sham], map[string]float64{PartSteady: 12, PartSoak: 22}},
		"untreated":                     {r["vandal"][slo.Untreated], map[string]float64{PartSteady: 12, PartBite: 1.1, PartHold: 44.9}},
		"untreated, nothing turns red":  {r["etcd-certs-expired-latent"][slo.Untreated], map[string]float64{PartSteady: 12, PartHold: 46}},
		"treated":                       {r["vandal"][slo.Treated], map[string]float64{PartSteady: 12, PartBite: 1.1, PartDetect: 0.9, PartRepair: 9, PartSoak: 37}},
		"treated, nothing turns red":    {r["etcd-certs-expired-latent"][slo.Treated], map[string]float64{PartSteady: 12, PartDetect: 2, PartRepair: 9, PartSoak: 37}},
		"only asked":                    {r["api-down-look-alike"][slo.Treated], map[string]float64{PartSteady: 12, PartBite: 1.1, PartHold: 44.9}},
		"detected before the bite":      {early, map[string]float64{PartSteady: 12, PartBite: 1.1, PartDetect: 0, PartRepair: 9.9, PartSoak: 37}},
		"nothing detected or repaired":  {missed, map[string]float64{PartSteady: 12, PartBite: 1.1, PartVain: 46.9}},
		"detected, not repaired":        {stuck, map[string]float64{PartSteady: 12, PartBite: 1.1, PartDetect: 0.9, PartVain: 46}},
		"never steady":                  {never, map[string]float64{PartVain: 58}},
		"broken off after the injected": {left, map[string]float64{PartSteady: 12, PartVain: 48}},
		"nothing to repair":             {quiet, map[string]float64{PartSteady: 12, PartHold: 48}},
		"nothing at all":                {slo.Record{}, map[string]float64{}},
	} {
		parts, got := told(tt.r)
		sum, length := 0.0, 0.0
		for _, p := range parts {
			sum += got[p]
		}
		for _, p := range tt.want {
			length += p
		}
		if !reflect.DeepEqual(got, tt.want) || math.Abs(sum-length) > 1e-6 {
			t.Errorf("%s: %v %v\nwant %v", name, parts, got, tt.want)
		}
	}
}

// What the table says of bite and detection is what the verdict measures.
func TestThePartsAgreeWithTheVerdicts(t *testing.T) {
	checked := 0
	g := gallery(found())
	for _, v := range g.Verdicts {
		_, took := told(g.Records[v.Name][slo.Treated])
		detect, ok := took[PartDetect]
		if ok != (v.DetectS != nil) {
			t.Errorf("%s: detected %v, the verdict says %v", v.Name, ok, v.DetectS != nil)
		}
		if ok && v.DetectS != nil {
			if checked++; math.Abs(detect-*v.DetectS) > 0.0011 {
				t.Errorf("%s: detect %g, the verdict says %g", v.Name, detect, *v.DetectS)
			}
		}
	}
	if checked < 4 {
		t.Errorf("only %d were compared", checked)
	}
}
