package redact

import (
	"bytes"
	"encoding/base64"
)

// mark is a text at which a secret of several lines begins, ends or is. block says how far it reaches from there, and that
// it is one; last is where the block before ended.
type mark struct {
	literal string
	block   func(text []byte, at, last int) (s span, secret bool)
}

// literals are all marks there are.
var literals = allMarks()

func allMarks() []mark {
	all := []mark{{"-----BEGIN", pemBegins}, {"-----END", pemEnds}, {"LS0tLS1CRUdJTi", pemInBase64}}
	for _, once := range base64s("PRIVATE KEY") {
		all = append(all, mark{once, keyInBase64})
		for _, twice := range base64s(once) {
			all = append(all, mark{twice, keyInBase64})
		}
	}
	for _, begins := range []string{"MII", "MHcCAQEE", "MIG", "MIHcAgEBBE", "MIHuAgEAMBAG", "MC4CAQAwBQYDK2Vw"} {
		all = append(all, mark{begins, keyItself})
	}
	return all
}

// marks finds marks in a text. Literals are looked for one by one: one regular expression for all would try every character.
type marks struct {
	text []byte
	at   []int // where each literal is next; len(text) when it is nowhere
}

func newMarks(text []byte) *marks {
	m := &marks{text: text, at: make([]int, len(literals))}
	for i := range literals {
		m.find(i, 0)
	}
	return m
}

func (m *marks) find(i, from int) {
	m.at[i] = len(m.text)
	if from >= len(m.text) {
		return
	}
	if n := bytes.Index(m.text[from:], []byte(literals[i].literal)); n >= 0 {
		m.at[i] = from + n
	}
}

// next is the first mark from a position on; nil when there is none.
func (m *marks) next(from int) (at int, first *mark) {
	at = len(m.text)
	for i := range literals {
		if m.at[i] < from {
			m.find(i, from)
		}
		if m.at[i] < at {
			at, first = m.at[i], &literals[i]
		}
	}
	return at, first
}

// base64s are the base64 of a text in all three alignments, without the characters that depend on what stands around it.
func base64s(text string) []string {
	var all []string
	for before, unknown := range []int{0, 2, 3} {
		known := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))[unknown:]
		if (before+len(text))%3 != 0 {
			known = known[:len(known)-1]
		}
		all = append(all, known)
	}
	return all
}
