// Package redact takes private keys and tokens out of texts. It holds the one list of what a secret looks like.
package redact

import "bytes"

// Removed stands where a secret stood.
const Removed = "[secret removed]"

// String is a text without the secrets in it.
func String(s string) string { return string(Bytes([]byte(s))) }

// Bytes is a text without the secrets in it. It takes time in proportion to the text; text itself stays as it is.
func Bytes(text []byte) []byte {
	var out bytes.Buffer
	last := 0
	for _, s := range blocks(text) {
		out.Write(text[last:s.from])
		out.WriteString(Removed)
		last = s.to
	}
	out.Write(text[last:])
	return inline(bootstrapTokens(out.Bytes()))
}

// A bootstrap token is an identifier of 6 characters, a dot and a secret of 16: abcdef.0123456789abcdef.
const idLen, secretLen = 6, 16

// bootstrapTokens removes bootstrap tokens. A regular expression would try every character; few of them are dots.
func bootstrapTokens(text []byte) []byte {
	var out bytes.Buffer
	last := 0
	for dot := bytes.IndexByte(text, '.'); dot >= 0; {
		from, to := dot-idLen, dot+1+secretLen
		if from >= last && to <= len(text) && all(text[from:dot], lowerOrDigit) && all(text[dot+1:to], lowerOrDigit) &&
			(from == 0 || !word(text[from-1])) && (to == len(text) || !word(text[to])) {
			out.Write(text[last:from])
			out.WriteString(Removed)
			last = to
		}
		next := bytes.IndexByte(text[dot+1:], '.')
		if next < 0 {
			break
		}
		dot += 1 + next
	}
	out.Write(text[last:])
	return out.Bytes()
}

func all(text []byte, is func(byte) bool) bool {
	for _, c := range text {
		if !is(c) {
			return false
		}
	}
	return true
}

func lowerOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func word(c byte) bool { return lowerOrDigit(c) || c >= 'A' && c <= 'Z' || c == '_' }
