package redact

import (
	"bytes"
	"encoding/base64"
	"regexp"
)

// blockMax bounds a secret of several lines, in bytes: the PEM text of an RSA key of 16384 bits has 13 KiB, and a log may
// put something in front of each line.
const blockMax = 32 << 10

// span is a part of a text.
type span struct{ from, to int }

// marker finds where a secret of several lines begins or ends: the lines around a PEM private key (RFC 7468), and the
// beginning of any PEM text in base64, as kubeconfigs and Secrets hold it.
var marker = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|-----END [A-Z0-9 ]*PRIVATE KEY-----|LS0tLS1CRUdJTi[A-Za-z0-9+/=]*`)

// keyEnd ends a PEM private key.
var keyEnd = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY-----`)

// blocks finds the secrets of several lines, in order and apart from each other. A key whose end is missing lasts for
// blockMax bytes and the rest of the base64 there; one whose beginning is missing, for as long as there is nothing but base64 before its end.
func blocks(text []byte) []span {
	var found []span
	last := 0
	for last < len(text) {
		m := marker.FindIndex(text[last:])
		if m == nil {
			break
		}
		s, secret := span{last + m[0], last + m[1]}, true
		switch {
		case text[s.from] == 'L':
			s.to = wrapped(text, s)
			secret = hidesKey(text[s.from:s.to])
		case bytes.HasPrefix(text[s.from:], []byte("-----BEGIN")):
			limit := min(len(text), s.to+blockMax)
			if end := keyEnd.FindIndex(text[s.to:limit]); end != nil {
				s.to += end[1]
			} else {
				for s.to = limit; s.to < len(text) && text[s.to] != '\n' && inBase64(text[s.to]); {
					s.to++
				}
			}
		default:
			first := max(last, s.from-blockMax)
			for s.from > first && inBase64(text[s.from-1]) {
				s.from--
			}
		}
		if secret {
			found = append(found, s)
		}
		last = s.to
	}
	return found
}

// inBase64 says whether a character can stand in base64 of several lines, also where the line ends are escaped.
func inBase64(c byte) bool {
	return word(c) && c != '_' || c == '+' || c == '/' || c == '=' || c == '\n' || c == '\r' || c == '\\'
}

// nextLine is a line end followed by a line of nothing but base64.
var nextLine = regexp.MustCompile(`^\r?\n[ \t]*[A-Za-z0-9+/=]+[ \t]*(?:\r?\n|$)`)

// wrapped is where a base64 text ends that goes on over the lines that follow.
func wrapped(text []byte, s span) int {
	to := s.to
	for to-s.to < blockMax {
		m := nextLine.FindIndex(text[to:min(len(text), to+blockMax)])
		if m == nil {
			break
		}
		to += len(bytes.TrimRight(text[to:to+m[1]], " \t\r\n"))
	}
	return to
}

// hidesKey says whether PEM text in base64 may hold anything but certificates and public keys. What cannot be decoded may.
func hidesKey(text []byte) bool {
	text = bytes.TrimRight(bytes.Join(bytes.Fields(text), nil), "=")
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	pem, err := base64.RawStdEncoding.DecodeString(string(text))
	if err != nil || bytes.Contains(pem, []byte("PRIVATE KEY")) {
		return true
	}
	return !bytes.HasPrefix(pem, []byte("-----BEGIN CERTIFICATE")) && !bytes.HasPrefix(pem, []byte("-----BEGIN PUBLIC KEY"))
}
