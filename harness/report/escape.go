package report

import (
	"strings"
	"unicode"

	"github.com/nov30/nov30/harness/redact"
)

// How many characters of a text may stand in a report: of a name, of a text, of all reasons of a scenario.
const (
	nameMax    = 80
	textShown  = 300
	reasonsMax = 20 // lines
)

// plain makes a text from outside one bounded line without secrets and without characters that do not print, among them
// those that change the direction of text.
func plain(s string, limit int) string {
	s = printable(redact.String(strings.ToValidUTF8(s, "?")))
	return clipped(strings.Join(strings.Fields(s), " "), limit)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// clipped limits a text to a number of characters.
func clipped(s string, limit int) string {
	r := []rune(s)
	if len(r) > limit {
		r = append(r[:limit:limit], '…')
	}
	return string(r)
}

// markdown makes a text from outside fit to stand within a line or a table's cell, behind words of our own: it cannot end
// the cell, open HTML, link, mention or format.
func markdown(s string, limit int) string {
	var out strings.Builder
	text := []rune(plain(s, limit))
	for i, r := range text {
		rest := text[i:]
		switch r {
		case '\\', '`', '*', '_', '[', ']', '#', '~', '$', '!':
			out.WriteRune('\\')
			out.WriteRune(r)
		case '<':
			out.WriteString("&lt;")
		case '>':
			out.WriteString("&gt;")
		case '&':
			out.WriteString("&amp;")
		case '|':
			out.WriteString("&#124;")
		case '@':
			out.WriteString("&#64;")
		case ':':
			out.WriteString(unlink(r, "&#58;", hasPrefix(rest, "://")))
		case '.':
			out.WriteString(unlink(r, "&#46;", i >= 3 && strings.EqualFold(string(text[i-3:i]), "www")))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func unlink(r rune, entity string, link bool) string {
	if link {
		return entity
	}
	return string(r)
}

func hasPrefix(text []rune, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}
