package snapshot

import (
	"regexp"
	"strings"
)

// secretName is in the names of values that are secret, such as an environment variable DB_PASSWORD or a flag --token.
var secretName = regexp.MustCompile(`(?i)(passw|passphrase|secret|token|credential|private[-_]?key|api[-_]?key|client-key-data)`)

// plainName are names of Kubernetes' own that look so and hold no secret.
var plainName = regexp.MustCompile(`(?i)(secretname|secretref|secretkeyref|secretnamespace|expirationseconds|authenticationtokenwebhook)$`)

// plainValue is what a secret does not look like: a path, a number, a yes or no, a length of time.
var plainValue = regexp.MustCompile(`^(/[\w./-]*|true|false|-?[0-9.]{1,8}(ms|s|m|h)?|)$`)

// sensitive says whether the value at a path is taken for a secret by its name. A mistake costs only the text in a diff:
// that the value changed is told in any case.
func sensitive(path, value string) bool {
	name := lastName(path)
	return secretName.MatchString(name) && !plainName.MatchString(name) && !plainValue.MatchString(value)
}

// lastName is the name at the end of a path; of env[DB_PASSWORD].value it is DB_PASSWORD.
func lastName(path string) string {
	path = strings.TrimSuffix(path, "[]")
	if before, ok := strings.CutSuffix(path, ".value"); ok && strings.HasSuffix(before, "]") {
		path = before
	}
	if strings.HasSuffix(path, "]") {
		return strings.TrimSuffix(path[strings.LastIndexByte(path, '[')+1:], "]")
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// assignment is a line of a text that gives a value to a name.
var assignment = regexp.MustCompile(`^[\s"'-]*(?:export\s+)?([\w.-]+)["']?\s*[:=]\s*["']?(.*?)["',]*\s*$`)

// sensitiveLine says whether a line of a text gives a value to a name that sensitive takes for a secret's.
func sensitiveLine(line string) bool {
	m := assignment.FindStringSubmatch(line)
	return m != nil && sensitive(m[1], m[2])
}
