package report

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/nov30/nov30/harness/slo"
)

// What a timeline reckons with, in pixels: moments are placed so that their texts do not meet on the narrowest screen, and
// phases have their names in them where these fit on a usual one.
const (
	narrowest    = 320.0
	usual        = 480.0
	perLetter    = 6.2
	momentHeight = 15
	drawnMax     = 16
	momentText   = 26 // characters
)

// hidden are moments that the lanes and the phases show already.
var hidden = []string{"injected", "turned red", "green again", "hold ended"}

// classes say how the line of a moment looks.
var classes = map[string]string{
	"fault injected": "fault", "bite": "bite", "symptom": "symptom", "detected": "detected",
	"recovery started": "recovery", "recovery ended": "recovery", "recovered": "recovered", "connections cut": "cut",
	"relapse": "relapse", "soak ended": "over",
}

// moment is a moment of an arm in its timeline: a line through the lanes with a text at its top.
type moment struct {
	Class, Text, Title string
	X                  string // percent
	Row                int
	Left               bool // the text stands left of the line
	Top, Y             int  // of the line, and of the text's base line

	x, from, to float64 // percent: the line, and what text and line take up on the narrowest screen
}

// place arranges the moments of an arm in rows, so that no text covers another and few lines cross one. rows is how many
// rows there are.
func place(timeline []slo.Mark, w window) (list []moment, rows int) {
	for _, m := range timeline {
		if !slices.Contains(hidden, m.Name) && len(list) < drawnMax {
			list = append(list, newMoment(m, w))
		}
	}
	var placed []*moment
	put := func(m *moment) {
		for _, other := range placed {
			if m.from <= other.to && other.from <= m.to {
				m.Row = max(m.Row, other.Row+1)
			}
		}
		m.Top = momentHeight * m.Row
		m.Y = m.Top + momentHeight - 4
		rows, placed = max(rows, m.Row+1), append(placed, m)
	}
	// Lines go down from their text: a text right of its line goes below the earlier ones, one left of it below the later ones.
	for i := range list {
		if !list[i].Left {
			put(&list[i])
		}
	}
	for i := range slices.Backward(list) {
		if list[i].Left {
			put(&list[i])
		}
	}
	return list, rows
}

func newMoment(m slo.Mark, w window) moment {
	x := w.percent(m.AtS)
	name := plain(m.Name, momentText)
	f := moment{Class: or(classes[m.Name], "other"), Text: clipped(fmt.Sprintf("%s %+.1f", name, m.AtS), 2*momentText), X: percent(x), x: x, Left: x > 55}
	f.Title = fmt.Sprintf("%s at %+.3f s", name, m.AtS)
	if d := plain(m.Detail, textShown); d != "" {
		f.Title += ": " + d
	}
	long := 100 * (float64(utf8.RuneCountInString(f.Text))*perLetter + 10) / narrowest
	if f.from, f.to = x, x+long; f.Left {
		f.from, f.to = x-long, x
	}
	return f
}

// percent is where a moment lies in a window, from 0 to 100.
func (w window) percent(at float64) float64 { return 100 * (w.clamp(at) - w.from) / (w.to - w.from) }

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

// tick is a moment on the axis.
type tick struct {
	X, Text string
	Edge    string // start or end: the text must not leave the picture there
}

// steps are the distances of ticks that people like, in seconds.
var steps = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600}

// ticks are at most eight moments on the axis, 0 among them if it is there.
func ticks(w window) []tick {
	step := (w.to - w.from) / 6
	for _, s := range steps {
		if (w.to-w.from)/s <= 8 {
			step = s
			break
		}
	}
	var list []tick
	for n := int64(w.from/step) - 1; len(list) < 10; n++ {
		at := float64(n) * step
		switch x := w.percent(at); {
		case at > w.to:
			return list
		case at < w.from:
		case x < 4:
			list = append(list, tick{percent(x), seconds(at), "start"})
		case x > 94:
			list = append(list, tick{percent(x), seconds(at), "end"})
		default:
			list = append(list, tick{percent(x), seconds(at), "middle"})
		}
	}
	return list
}

// seconds writes a tick; the injection is 0.
func seconds(at float64) string {
	if at == 0 {
		return "0"
	}
	return fmt.Sprintf("%+.0f", at)
}
