package pki

import (
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"strings"
)

// begun is how base64 of a PEM file begins.
const begun = "LS0tLS1CRUdJTi"

var (
	blockForm  = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]+-----[A-Za-z0-9+/=\s]+-----END [A-Z0-9 ]+-----`)
	base64Form = regexp.MustCompile(begun + `[A-Za-z0-9+/]+=*`)
)

// findPEM finds the PEM blocks of a text, in base64 too.
func findPEM(text string) []string {
	found := blockForm.FindAllString(text, -1)
	for _, encoded := range base64Form.FindAllString(text, -1) {
		if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			found = append(found, blockForm.FindAllString(string(plain), -1)...)
		}
	}
	return found
}

type pair struct{ old, new *pem.Block }

// Replacement puts new keys and certificates into texts that hold the old ones.
type Replacement struct {
	replacer *strings.Replacer
	old      map[string]bool // DER of the old blocks
}

func newReplacement(pairs []pair) *Replacement {
	r := &Replacement{old: map[string]bool{}}
	var texts []string
	for _, p := range pairs {
		r.old[string(p.old.Bytes)] = true
		texts = append(texts, text(p.old), text(p.new))
	}
	r.replacer = strings.NewReplacer(texts...)
	return r
}

// text is a block without the end of its last line.
func text(b *pem.Block) string { return strings.TrimSuffix(string(pem.EncodeToMemory(b)), "\n") }

// In returns the text with every old key and certificate replaced, in base64 too.
func (r *Replacement) In(text string) string {
	text = base64Form.ReplaceAllStringFunc(text, func(encoded string) string {
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return encoded
		}
		return base64.StdEncoding.EncodeToString([]byte(r.replacer.Replace(string(plain))))
	})
	return r.replacer.Replace(text)
}

// HasOld says whether a text holds a key or a certificate that is an old one, which must not be anywhere.
func (r *Replacement) HasOld(text string) bool {
	for _, found := range findPEM(text) {
		if b, _ := pem.Decode([]byte(found)); b == nil || r.old[string(b.Bytes)] {
			return true
		}
	}
	return false
}
