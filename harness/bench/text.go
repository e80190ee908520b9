package bench

import (
	"strings"
	"unicode"

	"github.com/nov30/nov30/harness/redact"
)

// How many characters a name and an error may have.
const (
	nameMax  = 30
	errorMax = 300
)

// oneLine makes a text one bounded line that prints and holds no secret.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, redact.String(strings.ToValidUTF8(s, "?")))
	text := []rune(strings.Join(strings.Fields(s), " "))
	if len(text) > limit {
		text = append(text[:limit:limit], '…')
	}
	return string(text)
}
