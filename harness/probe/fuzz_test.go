package probe

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAnswer feeds answers of a broken or foreign server through everything that reads them for an error text.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"kind":"Status","message":"Unauthorized"}`))
	f.Add([]byte("<html>\n<title>502</title>"))
	f.Add([]byte("\xff\x00\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		line := short((&statusError{500, message(text)}).Error(), errorMax)
		if len(line) > errorMax || !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%q", line)
		}
		var list map[string]any
		_ = decode(text, &list)
	})
}
