package report

import "regexp"

// secrets are the forms in which a key or a token can stand in a text: PEM, PEM in base64 as kubeconfigs have it, JSON
// web tokens, bootstrap tokens, and what follows "Bearer" or the name of a field that holds a key.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`),
	regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=]*`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`),
	regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`),
	regexp.MustCompile(`(?i)\bbearer +[A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`(?i)client-key-data"?\s*[:=]\s*\S+`),
}

// redact takes private keys and tokens out of a text.
func redact(s string) string {
	for _, r := range secrets {
		s = r.ReplaceAllString(s, "[secret removed]")
	}
	return s
}
