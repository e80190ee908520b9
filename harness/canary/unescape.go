package canary

import (
	"bytes"
	"strconv"
)

// escapeMax is the length of the longest escaped character that is undone, &#x0000002b; for example, in bytes.
const escapeMax = 12

// unescape appends a text without the escapes of JSON, URLs, HTML and Markdown, and without white space, line ends and
// zero bytes, by which texts are wrapped and widened to UTF-16. It stops where an escape may go on behind the text, except
// at the end of it, and returns the rest.
func unescape(to, text []byte, end bool) (plain, rest []byte) {
	for len(text) > 0 {
		switch text[0] {
		case ' ', '\t', '\n', '\r', 0:
			text = text[1:]
			continue
		case '\\', '%', '&':
			if len(text) < escapeMax && !end {
				return to, text
			}
			c, size := escaped(text)
			if c >= 0 {
				to = append(to, byte(c))
			}
			text = text[size:]
			continue
		}
		to = append(to, text[0])
		text = text[1:]
	}
	return to, nil
}

// escaped is the character that an escape stands for, -1 for one that is left out, and the escape's length. What is no
// escape stands for itself, a backslash for nothing.
func escaped(text []byte) (c, size int) {
	switch {
	case text[0] == '%':
		if c, ok := number(text, 1, 3, 16); ok {
			return c, 3
		}
		return '%', 1
	case text[0] == '&':
		return entity(text)
	case len(text) < 2:
		return -1, 1
	}
	switch text[1] {
	case 'u':
		if c, ok := number(text, 2, 6, 16); ok {
			return c, 6
		}
	case 'x':
		if c, ok := number(text, 2, 4, 16); ok {
			return c, 4
		}
	case 'n', 'r', 't':
		return -1, 2
	}
	return -1, 1
}

// entity is a character of HTML's by its number.
func entity(text []byte) (c, size int) {
	end := bytes.IndexByte(text[:min(len(text), escapeMax)], ';')
	switch {
	case end < 3 || text[1] != '#':
		return '&', 1
	case text[2] == 'x' || text[2] == 'X':
		if c, ok := number(text, 3, end, 16); ok {
			return c, end + 1
		}
	default:
		if c, ok := number(text, 2, end, 10); ok {
			return c, end + 1
		}
	}
	return '&', 1
}

// number reads a character's number; one that is not ASCII is in no secret and counts as none.
func number(text []byte, from, to, base int) (c int, ok bool) {
	if to > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[from:to]), base, 32)
	return int(n), err == nil && n < 0x80
}
