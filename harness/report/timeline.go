package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nov30/nov30/harness/slo"
)

// How high the parts of a timeline are, in pixels. Across, everything is in percent: the picture is as wide as the screen.
const (
	bandHeight = 18
	laneHeight = 30
	barTop     = 13 // below the lane's name
	barHeight  = 14
	axisHeight = 22
)

// lanesMax is how many probes are drawn.
const lanesMax = 20

// timeline is the picture of an arm, ready to be drawn.
type timeline struct {
	ID, Label, Desc   string
	Axis              string
	Bands             []band
	Lanes             []laneView
	Moments           []moment
	Ticks             []tick
	BandTop, LanesTop int
	Bottom, Height    int
	ShadeHeight       int
	TickBottom, AxisY int
}

// band is a phase. Where its name does not fit into it only the legend has it.
type band struct {
	X, Width, Class, Name, Title, Took string
	Fits                               bool
}

type laneView struct {
	Name   string
	NameY  int
	Blocks []block
}

// block is a stretch. Beside the colour, its height and pattern say what it is.
type block struct {
	X, Width, Title string
	Class           shade
	Y, Height       int
}

func newTimeline(id string, v slo.Verdict, r slo.Record) timeline {
	w := windowOf(r)
	list, rows := place(v.Arms[r.Arm].Timeline, w)
	t := timeline{ID: id, Moments: list, Ticks: ticks(w), BandTop: rows*momentHeight + 4, Axis: "seconds since the injection"}
	if r.Arm == slo.Sham {
		t.Axis = "seconds since the steady phase began; nothing is injected"
	}
	t.Label = fmt.Sprintf("Timeline of the %s arm of %s", plain(string(r.Arm), nameMax), plain(v.Name, nameMax))
	t.LanesTop = t.BandTop + bandHeight + 4
	t.bands(r, w)
	var told []string
	for i, p := range r.Spec.Probes {
		if i == lanesMax {
			break
		}
		stretches := lane(r, p, w)
		t.Lanes = append(t.Lanes, newLane(p, stretches, t.LanesTop+i*laneHeight, w))
		told = append(told, "Probe "+plain(p.Name, nameMax)+": "+tell(stretches)+".")
	}
	t.Bottom = t.LanesTop + len(t.Lanes)*laneHeight
	t.Height, t.ShadeHeight = t.Bottom+axisHeight, t.Bottom-t.BandTop
	t.TickBottom, t.AxisY = t.Bottom+4, t.Bottom+16
	t.Desc = strings.Join(append(told, moments(list)), " ")
	return t
}

func (t *timeline) bands(r slo.Record, w window) {
	for _, s := range phases(r) {
		from, to := w.percent(since(r, s.from)), w.percent(since(r, s.to))
		if to <= from {
			continue
		}
		name := plain(s.name, nameMax)
		t.Bands = append(t.Bands, band{X: percent(from), Width: percent(to - from), Class: bandClass(s.name), Name: name,
			Took: fmt.Sprintf("%.1f s", (s.to - s.from).Seconds()), Fits: (to-from)*usual/100 >= float64(utf8.RuneCountInString(name))*perLetter,
			Title: fmt.Sprintf("phase %s, %+.1f s to %+.1f s", name, since(r, s.from), since(r, s.to))})
	}
}

func bandClass(phase string) string {
	switch phase {
	case slo.PhaseSteady, slo.PhaseInject, slo.PhaseHold, slo.PhaseRecover, slo.PhaseSoak:
		return "in-" + phase
	}
	return "in-other"
}

func newLane(p slo.ProbeSpec, stretches []stretch, top int, w window) laneView {
	l := laneView{Name: plain(p.Name, nameMax), NameY: top + barTop - 3}
	for _, s := range stretches {
		from, to := w.percent(s.from), w.percent(s.to)
		b := block{X: percent(from), Width: percent(to - from), Class: s.shade, Title: l.Name + " " + s.words(), Y: top + barTop, Height: barHeight}
		if s.shade == green {
			b.Y, b.Height = b.Y+4, barHeight-8
		}
		l.Blocks = append(l.Blocks, b)
	}
	return l
}

// words writes a stretch.
func (s stretch) words() string {
	name := string(s.shade)
	if s.shade == unchecked {
		name = "not checked"
	}
	text := fmt.Sprintf("%s from %+.1f s to %+.1f s", name, s.from, s.to)
	if s.checks > 0 {
		text += fmt.Sprintf(", %d checks", s.checks)
	}
	if says := plain(s.says, textShown); says != "" {
		text += ": " + says
	}
	return text
}

// toldMax is how many stretches of a lane are told to who does not see them.
const toldMax = 8

// tell writes what stands out in a lane.
func tell(stretches []stretch) string {
	var parts []string
	for _, s := range stretches {
		if s.shade != green {
			s.says = ""
			parts = append(parts, s.words())
		}
	}
	switch {
	case len(parts) == 0:
		return "green all the time"
	case len(parts) > toldMax:
		parts = append(parts[:toldMax], fmt.Sprintf("and %d more", len(parts)-toldMax))
	}
	return strings.Join(parts, "; ")
}

func moments(list []moment) string {
	var parts []string
	for _, f := range list {
		parts = append(parts, f.Text+" s")
	}
	return "Moments: " + or(strings.Join(parts, ", "), "none") + "."
}
