package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"unicode/utf16"
)

// parts are pieces of 16 characters, and whole secrets, as a program that does not redact would leave them.
func parts(c Canary) map[string]string {
	pem := c.pem()
	line := strings.Index(pem, "\n") + 1
	return map[string]string{
		"the key's PEM":                 pem,
		"the environment's file":        c.env(),
		"the token":                     c.token,
		"the password":                  c.password,
		"16 characters of the key":      pem[line+200 : line+216],
		"16 characters over a line end": pem[line+65+56 : line+65+56+17], // 8, the line end, 8
		"the key's last 16 characters":  c.key[len(c.key)-16:],
		"16 characters of the token":    c.token[7:23],
		"the password's end":            c.password[len(c.password)-16:],
	}
}

func std(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func wrapped(s string, at int, with string) string {
	var b strings.Builder
	for len(s) > at {
		b.WriteString(s[:at] + with)
		s = s[at:]
	}
	return b.String() + s
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func jsonText(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func utf16LE(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// encodings are what may become of a text on its way to a file.
var encodings = map[string]func(string) string{
	"plain":                   func(s string) string { return s },
	"base64":                  std,
	"base64, second byte":     func(s string) string { return std("x" + s) },
	"base64, third byte":      func(s string) string { return std("xy" + s + "z") },
	"base64 of a URL":         func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("{" + s + "}")) },
	"base64 in lines":         func(s string) string { return wrapped(std("x"+s), 76, "\r\n    ") },
	"base64 in JSON's lines":  func(s string) string { return jsonText(wrapped(std(s), 60, "\n")) },
	"base64 twice":            func(s string) string { return std("kind: x\ndata: " + std("x"+s)) },
	"base64 in a URL":         func(s string) string { return url.QueryEscape(std("xy" + s)) },
	"hexadecimal":             func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEXADECIMAL":             func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"hexadecimal with blanks": func(s string) string { return fmt.Sprintf("% x", s) },
	"URL":                     url.QueryEscape,
	"URL's path":              url.PathEscape,
	"URL, every character":    percent,
	"JSON":                    jsonText,
	"JSON in JSON":            func(s string) string { return jsonText(jsonText(s)) },
	"JSON, slashes too":       func(s string) string { return strings.ReplaceAll(jsonText(s), "/", `\/`) },
	"JSON, all in numbers":    unicodes,
	"Go's quotes":             func(s string) string { return fmt.Sprintf("%q", s) },
	"HTML":                    func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "+", "&#43;") },
	"HTML, hexadecimal":       func(s string) string { return strings.ReplaceAll(s, "+", "&#x2B;") },
	"CRLF":                    func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"UTF-16":                  utf16LE,
	"gzip":                    zipped,
	"gzip of JSON":            func(s string) string { return zipped(jsonText(s)) },
	"gzip of gzip":            func(s string) string { return zipped(zipped(std(s))) },
}

func unicodes(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}
