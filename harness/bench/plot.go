package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strings"
)

//go:embed plot.tmpl
var plotText string

// plotTemplate escapes everything by where it stands.
var plotTemplate = template.Must(template.New("plot").Parse(plotText))

// Where the parts of the plot are, in pixels: words at the left, times at the right.
const (
	plotWidth  = 860
	plotLeft   = 350.0
	plotRight  = 830.0
	lanesTop   = 40
	laneHeight = 66
	laneStep   = 74
	crossX     = plotLeft - 12
)

// plot is the picture before it is written.
type plot struct {
	Title, Desc           string
	Width, Height         int
	LaneWidth, LaneHeight int
	LanesTop, Bottom      int
	AxisY, FootY          int
	Lanes                 []lane
	Ticks                 []tick
}

// lane is a way: its words, and its samples as dots.
type lane struct {
	Top, NameY, NumbersY, NoteY int
	Name, Numbers, Note         string
	Bad                         bool // the note is no good news
	Target, Range, Median       *line
	Dots, Crosses               []point
}

type line struct {
	X, X2  string
	Y1, Y2 int
	Title  string
}

type point struct{ X, Y, Title string }

type tick struct{ X, Text string }

// SVG is the comparison as a picture that needs nothing beside itself, for a light screen and a dark one: a dot for every
// sample, a line for every median and target. The same result gives the same bytes.
func (r Result) SVG() ([]byte, error) {
	rows := r.rows()
	scale := scaleOf(rows)
	p := plot{Title: fmt.Sprintf("How long each way took, %d rounds", r.Rounds), Width: plotWidth, LaneWidth: plotWidth - 24, LaneHeight: laneHeight,
		LanesTop: lanesTop, Bottom: lanesTop + laneStep*len(rows), Ticks: scale.ticks()}
	p.AxisY, p.FootY, p.Height = p.Bottom+14, p.Bottom+38, p.Bottom+50
	var told []string
	for i, row := range rows {
		l := row.lane(lanesTop+i*laneStep, r.Rounds, scale, rows)
		p.Lanes = append(p.Lanes, l)
		told = append(told, fmt.Sprintf("%s: %s; %s.", l.Name, l.Numbers, l.Note))
	}
	p.Desc = strings.Join(told, " ")
	var out bytes.Buffer
	if err := plotTemplate.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	return out.Bytes(), nil
}

func (w row) lane(top, rounds int, s scale, all []row) lane {
	l := lane{Top: top, NameY: top + 19, NumbersY: top + 37, NoteY: top + 54, Name: w.Name, Numbers: "no round has a time"}
	if w.Baseline {
		l.Name += " (baseline)"
	}
	if w.measured {
		l.Numbers = "median " + seconds(w.spread.Median)
		l.Median = &line{X: s.x(w.spread.Median.Seconds()), Y1: top + 6, Y2: top + laneHeight - 6, Title: l.Numbers}
		l.Range = &line{X: s.x(w.spread.Min.Seconds()), X2: s.x(w.spread.Max.Seconds()), Y1: top + laneHeight/2, Y2: top + laneHeight/2,
			Title: seconds(w.spread.Min) + " to " + seconds(w.spread.Max)}
	}
	if w.compared {
		l.Numbers += fmt.Sprintf(", %.3f × (%.3f to %.3f)", w.ratio.OfMedians, w.ratio.Low, w.ratio.High)
	}
	l.Note, l.Bad = w.note(rounds)
	if at, ok := w.bound(all); ok {
		l.Target = &line{X: s.x(at), Y1: top, Y2: top + laneHeight, Title: fmt.Sprintf("target %s: %.2f s", w.Target.words(), at)}
	}
	for _, one := range w.Samples {
		y := float64(top) + 8 + (float64(one.Round)-0.5)/float64(max(1, rounds))*(laneHeight-16)
		at := point{Y: fmt.Sprintf("%.1f", y), Title: fmt.Sprintf("round %d: %s", one.Round, one.words(w.Name))}
		if one.Error != "" {
			at.X = fmt.Sprintf("%.1f", crossX)
			l.Crosses = append(l.Crosses, at)
			continue
		}
		at.X = s.x(one.Took.Seconds())
		l.Dots = append(l.Dots, at)
	}
	return l
}

// note is what is to be known of a way beside its numbers.
func (w row) note(rounds int) (text string, bad bool) {
	var parts []string
	if !w.complete {
		parts = append(parts, fmt.Sprintf("incomplete: %d of %d rounds", len(w.times()), rounds))
	}
	if w.reached != noTarget {
		parts = append(parts, "target "+w.target())
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d of %d rounds", len(w.times()), rounds), false
	}
	return strings.Join(parts, "; "), !w.complete || w.reached == notMet || w.reached == notKnown
}

// bound is a way's target in seconds, the stricter of two; a ratio has one where the baseline has a median.
func (w row) bound(all []row) (float64, bool) {
	at, ok := math.Inf(1), false
	if w.Target.Within > 0 {
		at, ok = w.Target.Within.Seconds(), true
	}
	for _, base := range all {
		if base.Baseline && base.measured && w.Target.Ratio > 0 {
			at, ok = min(at, w.Target.Ratio*base.spread.Median.Seconds()), true
		}
	}
	return at, ok
}
