package redact

import (
	"bytes"
	"regexp"
)

// rule is a secret that ends within its line. Only lines that hold the hint, in letters of any case, are looked at.
type rule struct {
	hint []byte // in small letters
	form *regexp.Regexp
	with []byte
}

// is stands between a name and its value in YAML, JSON, JSON in JSON, headers, command lines and environments.
const is = `\\*["']?[ \t]*[:=][ \t]*\\*["']?`

// rules are the one list of secrets within a line. Certificates are no secret, and neither are the names of Secrets and of
// files.
var rules = []rule{
	// JSON web tokens, also in base64 as a Secret holds them.
	remove("ey", `ey[JA][A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+|eyJhbGciOi[A-Za-z0-9_.-]*`),
	remove("zxlk", `ZXlKaGJHY2lPaU[A-Za-z0-9+/=]*`),
	// Headers and URLs.
	value("authorization", `(?i)(authorization`+is+`\[?\\*["']?)(?:basic|bearer|digest|negotiate|ntlm|token)(?:[ \t]+|%20|\+)[^\s"'\\,]{6,}`),
	remove("bearer", `(?i)(?:\b|%20)bearer(?:[ \t]+|%20|\+)[A-Za-z0-9._~+/=-]{8,}`),
	{[]byte("://"), regexp.MustCompile(`(://[^/\s:@"'\\]*:)[^/\s@"'\\\[]+@`), []byte("${1}" + Removed + "@")},
	// Values by their names.
	value("client-key-data", `(?i)(client-key-data`+is+`)[A-Za-z0-9+/=_-]+`),
	value("token", `(?i)(token`+is+`)[A-Za-z0-9._~+=-][A-Za-z0-9._~+/=-]{15,}`),
	value("pass", `(?i)(pass(?:word|phrase)`+is+`|passwd=["']?)[^\s"'\\,;}\[]{4,}`),
	value("secret", `(?i)(client[-_]?secret`+is+`)[^\s"'\\,;}\[]{8,}`),
	value("secret", `(?i)(secret`+is+`)[A-Za-z0-9+/]{20,}={0,2}`),
	value("key", `(?i)((?:api|access|secret|private|encryption|certificate|account|shared)[-_]?key`+is+`)[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]{15,}`),
	value("certificate-key", `(--certificate-key[ \t]+)[0-9a-fA-F]{32,}`),
	// Keys with a form of their own.
	remove("sk", `\b[rs]k[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{20,}`),
	remove("gh", `\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{20,}`),
	remove("glpat-", `\bglpat-[A-Za-z0-9_-]{20,}`),
	remove("xox", `\bxox[abeprs]-[A-Za-z0-9-]{10,}`),
	remove("akia", `\bAKIA[A-Z0-9]{16}\b`),
	remove("age-secret-key-", `AGE-SECRET-KEY-1[A-Z0-9]{20,}`),
	// The session keys that openssl s_client prints.
	value("-key", `(?i)(master-key[ \t]*:[ \t]*)[0-9a-f]+`),
	value("psk", `(?i)(resumption psk[ \t]*:[ \t]*)[0-9a-f]+`),
	value("session-id", `(?i)(session-id(?:-ctx)?[ \t]*:[ \t]*)[0-9a-f]+`),
	// PEM text as Go prints bytes: what client-go says of a kubeconfig that names a user twice.
	remove("45 45 45 45 45 66 69 71 73 78", `45 45 45 45 45 66 69 71 73 78(?: [0-9]{1,3})*`),
}

func remove(hint, form string) rule {
	return rule{[]byte(hint), regexp.MustCompile(form), []byte(Removed)}
}

// value removes what follows the form's first group.
func value(hint, form string) rule {
	return rule{[]byte(hint), regexp.MustCompile(form), []byte("${1}" + Removed)}
}

// inline removes the secrets that end within their line.
func inline(text []byte) []byte {
	lower := small(text)
	for _, r := range rules {
		if bytes.Contains(lower, r.hint) {
			text = r.apply(text, lower)
			lower = small(text)
		}
	}
	return text
}

func (r rule) apply(text, lower []byte) []byte {
	var out bytes.Buffer
	last := 0
	for {
		n := bytes.Index(lower[last:], r.hint)
		if n < 0 {
			break
		}
		from := last + bytes.LastIndexByte(text[last:last+n], '\n') + 1
		to := len(text)
		if end := bytes.IndexByte(text[last+n:], '\n'); end >= 0 {
			to = last + n + end
		}
		out.Write(text[last:from])
		out.Write(r.form.ReplaceAll(text[from:to], r.with))
		last = to
	}
	out.Write(text[last:])
	return out.Bytes()
}

// small is a text with ASCII letters made small, each where it was.
func small(text []byte) []byte {
	lower := make([]byte, len(text))
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return lower
}
