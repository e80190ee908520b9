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

// keyBegin and keyEnd are the lines around a private key: PEM (RFC 7468), OpenPGP (RFC 9580, 6.2), also in a URL.
var (
	keyBegin = regexp.MustCompile(`^-----BEGIN[A-Z0-9 +%]*PRIVATE(?: |\+|%20)KEY(?:[ +]BLOCK|%20BLOCK)?-----`)
	keyEnd   = regexp.MustCompile(`-----END[A-Z0-9 +%]*PRIVATE(?: |\+|%20)KEY(?:[ +]BLOCK|%20BLOCK)?-----`)
)

// blocks finds the secrets of several lines, in order and apart from each other. A key whose end is missing lasts for
// blockMax bytes and the rest of the base64 there; one whose beginning is missing, for as long as there is nothing but base64 before its end.
func blocks(text []byte) []span {
	var found []span
	marks := newMarks(text)
	last := 0
	for {
		at, mark := marks.next(last)
		if mark == nil {
			return found
		}
		s, secret := mark.block(text, at, last)
		if secret {
			found = append(found, s)
		}
		last = max(s.to, at+1)
	}
}

// pemBegins is a block from the beginning of a private key.
func pemBegins(text []byte, at, _ int) (span, bool) {
	m := keyBegin.FindIndex(text[at:min(len(text), at+lineMax)])
	if m == nil {
		return span{}, false
	}
	s := span{at, at + m[1]}
	limit := min(len(text), s.to+blockMax)
	if end := keyEnd.FindIndex(text[s.to:limit]); end != nil {
		s.to += end[1]
		return s, true
	}
	for s.to = limit; s.to < len(text) && text[s.to] != '\n' && inBase64(text[s.to]); {
		s.to++
	}
	return s, true
}

// pemEnds is a block up to the end of a private key whose beginning is not in the text.
func pemEnds(text []byte, at, last int) (span, bool) {
	m := keyEnd.FindIndex(text[at:min(len(text), at+lineMax)])
	if m == nil || m[0] > 0 {
		return span{}, false
	}
	s := span{at, at + m[1]}
	for first := max(last, at-blockMax); s.from > first && inBase64(text[s.from-1]); {
		s.from--
	}
	return s, true
}

// pemInBase64 is a block of PEM text in base64, as kubeconfigs and Secrets hold it, unless it is certificates alone.
func pemInBase64(text []byte, at, _ int) (span, bool) {
	s := onward(text, at)
	return s, hidesKey(text[s.from:s.to])
}

// keyInBase64 is a block of base64 in the middle of which a private key begins or ends: all lines of it.
func keyInBase64(text []byte, at, last int) (span, bool) {
	s := onward(text, at)
	for first := max(last, at-blockMax); s.from > first && oneLine(text[s.from-1]); {
		s.from--
	}
	for s.from > last+1 && text[s.from-1] == '\n' && at-s.from < blockMax {
		line := bytes.TrimSuffix(text[max(last, s.from-lineMax):s.from-1], []byte("\r"))
		line = bytes.TrimLeft(line[bytes.LastIndexByte(line, '\n')+1:], " \t")
		if len(line) < wrappedAt || !all(line, oneLine) {
			break
		}
		s.from = bytes.LastIndexByte(text[:s.from-1], '\n') + 1
	}
	s.from = max(s.from, last)
	return s, true
}

// keyItself is a block of a private key's DER (RFC 5208, 5915, 8017, 8410) in base64, without the lines around it.
func keyItself(text []byte, at, last int) (span, bool) {
	behindWord := at > last && oneLine(text[at-1]) && !bytes.HasSuffix(text[last:at], []byte(`\n`))
	if behindWord || !derKey.Match(text[at:min(len(text), at+lineMax)]) {
		return span{}, false
	}
	return onward(text, at), true
}

// derKey is how the base64 of every private key begins: RSA, and any in PKCS 8, then EC's three curves and Ed25519.
var derKey = regexp.MustCompile(`^(?:MII[A-P][A-Za-z0-9+/][AQgw]IBA(?:AKC|DAN)|MHcCAQEE|MIGkAgEBBD|MIHcAgEBBE|MIGHAgEAMBMG|MIG2AgEAMBAG|MIHuAgEAMBAG|MC4CAQAwBQYDK2Vw)`)

// lineMax is as long as a line around a key may be, and more than a line of wrapped base64 ever is; wrappedAt is how long
// one at least is, in bytes.
const lineMax, wrappedAt = 200, 40

// inBase64 says whether a character can stand in base64 of several lines, also where the line ends are escaped.
func inBase64(c byte) bool { return oneLine(c) || c == '\n' || c == '\r' || c == '\\' }

// oneLine says whether a character can stand in one line of base64.
func oneLine(c byte) bool { return word(c) && c != '_' || c == '+' || c == '/' || c == '=' }

// nextLine is a line end followed by a line of nothing but base64.
var nextLine = regexp.MustCompile(`^\r?\n[ \t]*[A-Za-z0-9+/=]+[ \t]*(?:\r?\n|$)`)

// onward is a base64 text from its beginning on, over the lines that follow, whose ends may be escaped.
func onward(text []byte, at int) span {
	s := span{at, at}
	for s.to < len(text) && (oneLine(text[s.to]) || text[s.to] == '\\') {
		s.to++
	}
	line := s.to
	for s.to-line < blockMax {
		m := nextLine.FindIndex(text[s.to:min(len(text), s.to+blockMax)])
		if m == nil {
			break
		}
		s.to += len(bytes.TrimRight(text[s.to:s.to+m[1]], " \t\r\n"))
	}
	return s
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
