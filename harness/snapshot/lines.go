package snapshot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nov30/nov30/harness/redact"
)

// The bounds of a diff's text. An object may hold megabytes.
const (
	maxLines = 20
	maxLine  = 160  // bytes of one line
	maxText  = 2000 // bytes of all lines
)

// lines is the text of a diff as it grows to its bounds.
type lines struct {
	kept []string
	size int
	more int
}

func (l *lines) add(line string) {
	l.size += len(line) + 1
	if len(l.kept) == maxLines || l.size > maxText {
		l.more++
		return
	}
	l.kept = append(l.kept, line)
}

// String is the text. What redact knows to be a secret is taken out of it once more.
func (l *lines) String() string {
	text := strings.Join(l.kept, "\n")
	if l.more > 0 {
		text += fmt.Sprintf("\n… and %d more", l.more)
	}
	return redact.String(text)
}

// value adds a line that shows a value: at most maxLine bytes of it.
func (l *lines) value(sign, path, text string) {
	line := sign + path + ": " + text
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine-len("…")], "") + "…"
	}
	l.add(strings.Map(printable, line))
}

// printable keeps a line one line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// changes adds what is different at the given paths.
func (l *lines) changes(paths []string, was, is document) {
	for _, path := range paths {
		a, had := was[path]
		b, has := is[path]
		switch {
		case strings.HasSuffix(path, order) && !sameWords(a.text, b.text): // the objects' own lines say it
		case a.secret || b.secret:
			l.secret(path, had, has)
		case !had:
			l.whole("+", path, b)
		case !has:
			l.whole("-", path, a)
		case !a.ends.IsZero():
			l.value("-", path, a.life)
			l.value("+", path, b.life)
		default:
			l.replaced(path, redact.String(a.text), redact.String(b.text))
		}
	}
}

func (l *lines) secret(path string, had, has bool) {
	switch {
	case !had:
		l.value("+", path, redact.Removed)
	case !has:
		l.value("-", path, redact.Removed)
	default:
		l.changed(path)
	}
}

// changed says that a value changed that is not shown. It has no colon: redact would take the word for the secret.
func (l *lines) changed(path string) { l.add(strings.Map(printable, path+" changed")) }

// whole adds a value that came or went.
func (l *lines) whole(sign, path string, v leaf) {
	text := v.text
	if text == "" && strings.HasSuffix(path, "life") {
		text = v.life
	}
	for line := range strings.SplitSeq(redact.String(text), "\n") {
		l.line(sign, path, line)
	}
}

// line adds one line of a value, unless it gives a value to what looks like a secret's name.
func (l *lines) line(sign, path, line string) {
	if sensitiveLine(line) {
		line = "(a line that may hold a secret)"
	}
	l.value(sign, path, line)
}

// replaced adds the lines of a value that came and went, or says that they only stand in another order.
func (l *lines) replaced(path, was, is string) {
	gone, come := apart(strings.Split(was, "\n"), strings.Split(is, "\n"))
	if len(gone)+len(come) == 0 {
		l.changed(path + ", the order or the secrets of its lines,")
	}
	for _, line := range gone {
		l.line("-", path, line)
	}
	for _, line := range come {
		l.line("+", path, line)
	}
}

// apart are the lines that stand more often in one of two texts than in the other.
func apart(was, is []string) (gone, come []string) {
	count := map[string]int{}
	for _, line := range is {
		count[line]++
	}
	for _, line := range was {
		if count[line]--; count[line] < 0 {
			gone = append(gone, line)
		}
	}
	for _, line := range slices.Backward(is) {
		if count[line] > 0 {
			count[line]--
			come = append(come, line)
		}
	}
	slices.Reverse(come)
	return gone, come
}

func sameWords(a, b string) bool {
	was, is := strings.Fields(a), strings.Fields(b)
	slices.Sort(was)
	slices.Sort(is)
	return slices.Equal(was, is)
}

// renewals adds what a renewal changed at the given paths.
func (l *lines) renewals(paths []string, was, is document) {
	for _, path := range paths {
		a, b := was[path], is[path]
		switch {
		case a.text != b.text: // a stronger key
			l.value("-", path, a.text)
			l.value("+", path, b.text)
		case a.bits > 0:
			l.changed(path)
		default:
			l.value("-", path, a.life)
			l.value("+", path, b.life)
		}
	}
}
