package redact

import (
	"bytes"
	"errors"
	"io"
)

// chunk is how much of a stream is looked at together; the last hold bytes of it wait for what follows.
const (
	chunk = 1 << 20
	hold  = 4 * blockMax
)

// Copy copies a stream without the secrets in it; the result is the same as that of Bytes. It keeps about 1 MiB in memory,
// more only where a line is longer.
func Copy(w io.Writer, r io.Reader) error { return copyIn(w, r, chunk) }

func copyIn(w io.Writer, r io.Reader, chunk int) error {
	var text []byte
	want := chunk + hold
	for {
		more := make([]byte, want-len(text))
		n, err := io.ReadFull(r, more)
		text = append(text, more[:n]...)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			_, err = w.Write(Bytes(text))
			return err
		case err != nil:
			return err
		}
		cut := cutAt(text)
		if _, err := w.Write(Bytes(text[:cut])); err != nil {
			return err
		}
		text = bytes.Clone(text[cut:])
		if want = chunk + hold; cut == 0 {
			want = 2 * len(text) // a line that is longer than all that
		}
	}
}

// cutAt is the end of a line before which nothing depends on what follows the text, or 0.
func cutAt(text []byte) int {
	cut := bytes.LastIndexByte(text[:max(0, len(text)-hold)], '\n') + 1
	for _, s := range blocks(text) {
		if s.from < cut && s.to > cut {
			cut = bytes.LastIndexByte(text[:s.from], '\n') + 1
		}
	}
	return cut
}
