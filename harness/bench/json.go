package bench

import (
	"encoding/json"
	"time"
)

// The JSON of a Result: times in seconds, null where nothing was measured.
type document struct {
	Started  time.Time     `json:"started"`
	Seconds  float64       `json:"seconds"`
	Rounds   int           `json:"rounds"`
	Complete bool          `json:"complete"` // every way has a time for every round
	Machine  []fact        `json:"machine"`
	Ways     []wayDocument `json:"ways"`
}

type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type wayDocument struct {
	Name     string           `json:"name"`
	Baseline bool             `json:"baseline"`
	Complete bool             `json:"complete"`
	Spread   *spreadDocument  `json:"spread"`
	Ratio    *ratioDocument   `json:"ratio"` // null for the baseline, too
	Target   *targetDocument  `json:"target"`
	Parts    []partDocument   `json:"parts"`
	Samples  []sampleDocument `json:"samples"`
}

type spreadDocument struct {
	Median float64 `json:"median_s"`
	Min    float64 `json:"min_s"`
	Max    float64 `json:"max_s"`
	MAD    float64 `json:"mad_s"`
}

type ratioDocument struct {
	OfMedians  float64 `json:"of_medians"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
	Rounds     int     `json:"rounds"`
}

type targetDocument struct {
	Ratio *float64 `json:"max_ratio"`
	Max   *float64 `json:"max_s"`
	Met   *bool    `json:"met"` // null: not known
}

type partDocument struct {
	Name    string  `json:"name"`
	Median  float64 `json:"median_s"`
	Samples int     `json:"samples"`
}

type sampleDocument struct {
	Round   int          `json:"round"`
	Place   int          `json:"place"`
	Seconds *float64     `json:"seconds"`
	Error   string       `json:"error,omitempty"`
	Parts   []samplePart `json:"parts,omitempty"`
}

type samplePart struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// JSON is the comparison for programs: every sample, and what was computed of them.
func (r Result) JSON() ([]byte, error) {
	d := document{Started: r.Started, Seconds: r.Took.Seconds(), Rounds: r.Rounds, Complete: len(r.Ways) > 0, Machine: []fact{}, Ways: []wayDocument{}}
	for _, f := range r.Machine {
		d.Machine = append(d.Machine, fact{oneLine(f.Name, nameMax), oneLine(f.Value, errorMax)})
	}
	for _, w := range r.rows() {
		d.Complete = d.Complete && w.complete
		d.Ways = append(d.Ways, w.document())
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

func (w row) document() wayDocument {
	d := wayDocument{Name: w.Name, Baseline: w.Baseline, Complete: w.complete, Target: w.targetDocument(), Parts: []partDocument{}, Samples: []sampleDocument{}}
	if w.measured {
		d.Spread = &spreadDocument{w.spread.Median.Seconds(), w.spread.Min.Seconds(), w.spread.Max.Seconds(), w.spread.MAD.Seconds()}
	}
	if w.compared {
		d.Ratio = &ratioDocument{w.ratio.OfMedians, w.ratio.Low, w.ratio.High, w.ratio.Confidence, w.ratio.Rounds}
	}
	for _, p := range w.parts() {
		d.Parts = append(d.Parts, partDocument{p.name, p.median().Seconds(), len(p.all)})
	}
	for _, s := range w.Samples {
		one := sampleDocument{Round: s.Round, Place: s.Place, Error: s.Error}
		if s.Error == "" {
			took := s.Took.Seconds()
			one.Seconds = &took
		}
		for _, p := range s.Parts {
			one.Parts = append(one.Parts, samplePart{p.Name, p.Took.Seconds()})
		}
		d.Samples = append(d.Samples, one)
	}
	return d
}

func (w row) targetDocument() *targetDocument {
	if w.reached == noTarget {
		return nil
	}
	var d targetDocument
	if w.Target.Ratio > 0 {
		d.Ratio = &w.Target.Ratio
	}
	if w.Target.Within > 0 {
		most := w.Target.Within.Seconds()
		d.Max = &most
	}
	if w.reached != notKnown {
		ok := w.reached == met
		d.Met = &ok
	}
	return &d
}
