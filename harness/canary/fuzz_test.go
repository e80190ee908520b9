package canary

import (
	"bytes"
	"testing"
)

// FuzzUnescape checks that a text is unescaped the same in two pieces, and that what is plain stays.
func FuzzUnescape(f *testing.F) {
	f.Add([]byte(`\u0041%41&#65;&#x41;\n\\ & % \`), 3)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if at < 0 || at > len(text) {
			return
		}
		whole, rest := unescape(nil, text, true)
		if len(rest) > 0 {
			t.Fatalf("%q is left", rest)
		}
		first, rest := unescape(nil, text[:at], false)
		if len(rest) >= escapeMax {
			t.Fatalf("%q is left", rest)
		}
		both, _ := unescape(first, append(bytes.Clone(rest), text[at:]...), true)
		if !bytes.Equal(both, whole) {
			t.Fatalf("%q in two pieces, %q in one", both, whole)
		}
		if !bytes.ContainsAny(text, "\\%& \t\r\n\x00") && !bytes.Equal(whole, text) {
			t.Fatalf("%q became %q", text, whole)
		}
	})
}
