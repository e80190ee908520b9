package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// windowSize is how much of a secret, or of one of its encodings, is looked for: whatever holds 16 characters of a secret
// holds 16 characters of the secret's encoding.
const windowSize = 16

type window [windowSize]byte

// needles are all windows of a canary's encodings. The filter says of most windows with one look that they are none.
type needles struct {
	all    map[window]struct{}
	filter [1 << filterBits / 64]uint64
}

const filterBits = 22

// slot mixes the window's last four bytes.
func slot(w []byte) uint32 {
	return binary.LittleEndian.Uint32(w[windowSize-4:]) * 2654435761 >> (32 - filterBits)
}

func (n *needles) add(encoded string) {
	for i := 0; i+windowSize <= len(encoded); i++ {
		w := window([]byte(encoded[i : i+windowSize]))
		n.all[w] = struct{}{}
		s := slot(w[:])
		n.filter[s/64] |= 1 << (s % 64)
	}
}

// in says whether a text holds a needle.
func (n *needles) in(text []byte) bool {
	for i := 0; i+windowSize <= len(text); i++ {
		w := text[i : i+windowSize]
		if s := slot(w); n.filter[s/64]&(1<<(s%64)) == 0 {
			continue
		}
		if _, is := n.all[window(w)]; is {
			return true
		}
	}
	return false
}

// needles makes what Search looks for: the secrets, and their base64 and hexadecimal, and the base64 of their base64, as a
// kubeconfig in a Secret has a key. Escaped and wrapped texts are undone where they are read.
func (c Canary) needles() *needles {
	n := &needles{all: map[window]struct{}{}}
	der, _ := base64.StdEncoding.DecodeString(c.key) // it was encoded from there
	for _, secret := range []string{
		c.key[keyHead:],
		strings.TrimPrefix(strings.SplitAfterN(c.pem(), "\n", 2)[1], c.key[:keyHead]), // with its line ends
		string(der[keyHead*3/4:]),
		c.token, c.password,
	} {
		secret = strings.TrimSuffix(secret, "-----END RSA PRIVATE KEY-----\n") // every key has that
		n.add(secret)
		n.add(hex.EncodeToString([]byte(secret)))
		n.add(strings.ToUpper(hex.EncodeToString([]byte(secret))))
		for _, url := range base64s(base64.RawURLEncoding, secret) {
			n.add(url)
		}
		for _, once := range base64s(base64.RawStdEncoding, secret) {
			n.add(once)
			for _, twice := range base64s(base64.RawStdEncoding, once) {
				n.add(twice)
			}
		}
	}
	return n
}

// base64s are the base64 of a text in all three alignments, without the characters that depend on what stands before and
// behind the text.
func base64s(alphabet *base64.Encoding, text string) []string {
	var all []string
	for before, unknown := range []int{0, 2, 3} {
		known := alphabet.EncodeToString([]byte(strings.Repeat("\x00", before) + text))[unknown:]
		if (before+len(text))%3 != 0 {
			known = known[:len(known)-1]
		}
		all = append(all, known)
	}
	return all
}
