package redact

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const (
	body  = "MIIEpAIBAAKCAQEAcanary0123456789\nABCDcanaryEFGH+/==\n"
	key   = "-----BEGIN RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----\n"
	cert  = "-----BEGIN CERTIFICATE-----\nMIIDplainplainplain\n-----END CERTIFICATE-----\n"
	plain = "certificate etcd/server on nov30-control-plane is after 2019-11-30T10:29:08Z (https://172.18.0.2:2379)"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wrap breaks a text into short lines, wrap64 as openssl does.
func wrap(s, indent string) string   { return wrapAt(20, s, indent) }
func wrap64(s, indent string) string { return wrapAt(64, s, indent) }

func wrapAt(at int, s, indent string) string {
	var lines []string
	for len(s) > at {
		lines, s = append(lines, s[:at]), s[at:]
	}
	return strings.Join(append(lines, s), "\n"+indent)
}

// secrets are texts in each of which a canary, or the base64 of a key, is secret.
var secrets = map[string]string{
	"PEM":                     key,
	"PEM, PKCS 8":             strings.ReplaceAll(key, "RSA ", ""),
	"PEM, OpenSSH":            strings.ReplaceAll(key, "RSA", "OPENSSH"),
	"PEM, encrypted":          strings.ReplaceAll(key, "RSA ", "ENCRYPTED "),
	"PEM on one line":         strings.ReplaceAll(key, "\n", " "),
	"PEM in JSON":             strings.ReplaceAll(key, "\n", `\n`),
	"PEM with CRLF":           strings.ReplaceAll(key, "\n", "\r\n"),
	"PEM in a log":            strings.ReplaceAll(key, "\n", "\n2019-11-30 stdout F "),
	"PEM without its end":     "-----BEGIN EC PRIVATE KEY-----\n" + body,
	"PEM without its start":   body + "-----END EC PRIVATE KEY-----",
	"the same in JSON":        strings.ReplaceAll(body, "\n", `\n`) + "-----END EC PRIVATE KEY-----",
	"client-key-data":         "client-key-data: canary",
	"client-key-data in JSON": `{"client-key-data":"canary","name":"x"}`,
	"escaped":                 `{\"client-key-data\": \"canary\"}`,
	"bearer":                  "Authorization: Bearer canarycanary",
	"JWT":                     "eyJhbGciOiJSUzI1NiIs.canary.canary-_",
	"JWT cut short":           "eyJhbGciOiJSUzI1canary",
	"bootstrap token":         "abcdef.0123456789canary",
	"bootstrap tokens":        "x.abcdef.0123456789canary,bcdefa.0123456789canary.y",
	"openssl, TLS 1.2":        "    Session-ID: 0CA4A47\n    Session-ID-ctx: 0CA4A47\n    Master-Key: 0CA4A47",
	"openssl, TLS 1.3":        "    Resumption PSK: 0CA4A47",
	"PEM, OpenPGP":            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + body + "-----END PGP PRIVATE KEY BLOCK-----",
	"PEM in a URL":            url.QueryEscape(key),
	"PEM in a URL's path":     url.PathEscape(key),
	"PEM in JSON in JSON":     strings.ReplaceAll(key, "\n", `\\n`),
	"PEM, dashes escaped":     strings.ReplaceAll(strings.ReplaceAll(key, "\n", `\n`), "-", `\u002d`),
	"a key without its lines": body,
	"a key in PKCS 8":         "MIIEvQIBADANBgkqhkiG9w0BcanaryAQEFAASCBKcwggSj",
	"an EC key":               "MHcCAQEEIAWihoz8zcanaryXO6XOuWYExghV9G4dtwJVvoAoGCCqGSM49",
	"an EC key in PKCS 8":     "MIGHAgEAMBMGByqGSM49AgEGCCcanaryqGSM49AwEHBG0wawIB",
	"an Ed25519 key":          "MC4CAQAwBQYDK2VwBCIEIcanaryJcQ2nW9i",
	"a kubeconfig's token":    "users:\n- user:\n    token: canary0123456789ABC",
	"a token in JSON":         `{"user":{"token":"canary0123456789ABC"}}`,
	"a token escaped":         `{\"user\":{\"token\":\"canary0123456789ABC\"}}`,
	"a header with a token":   "X-Auth-Token: canary0123456789ABC",
	"a token in a URL":        "GET /x?access_token=canary0123456789ABC&y=1",
	"a token in a variable":   "export GITHUB_TOKEN='canary0123456789ABC'",
	"a password":              "    password: canary",
	"a password in JSON":      `{"password":"canary","user":"x"}`,
	"a password in a URL":     "https://admin:canary@127.0.0.1:6443/x",
	"an old password":         "mysql --passwd=canary",
	"a passphrase":            "PASSPHRASE=canary",
	"Basic":                   "Authorization: Basic canary0123",
	"Basic in Go's headers":   `map[Authorization:[Basic canary0123] Accept:[x]]`,
	"Basic in JSON":           `{"Authorization":["Basic canary0123"]}`,
	"Bearer in a URL":         "Authorization%3A%20Bearer%20canarycanary",
	"a client's secret":       "client_secret=canary-0123-4567",
	"a key for Secrets":       "  - name: key1\n    secret: canary0123456789ABCDEFGHIJ=",
	"a bootstrap token's":     "  token-secret: canary0123456789ABCDEFGH",
	"a key to an API":         "apiKey: canary0123456789ABC",
	"a cloud's key":           "aws_secret_access_key = canary0123456789/ABC",
	"kubeadm's key":           "kubeadm join x:6443 --certificate-key 0ca4a47000000000000000000000000000000000000000000000000000000000",
	"sk":                      "key sk-proj-canary0123456789ABCDEFGH",
	"sk with parts":           "sk-ant-api03-canary0123456789ABCDEFGH",
	"GitHub's":                "ghp_canary0123456789ABCDEFGHIJKLMNOPQR",
	"GitLab's":                "glpat-canary0123456789ABCDEF",
	"Slack's":                 "xoxb-123456789012-canary",
	"age's":                   "AGE-SECRET-KEY-1CANARY0123456789ABCDEFGHIJ",
	"JWT in base64":           "data: ZXlKaGJHY2lPaUcanary",
}

// tail is the end of a text's last line.
func tail(text string) string {
	text = strings.TrimSpace(text)
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return text[max(0, len(text)-12):]
}

func leaks(text string, also ...string) bool {
	for _, s := range append(also, "canary", "0ca4a47") {
		if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
			return true
		}
	}
	return false
}

func TestSecretsAreTakenOutAndWhatIsAroundThemStays(t *testing.T) {
	all := map[string]string{
		"PEM in base64":            b64(key),
		"a bundle in base64":       "tls.pem: " + b64(cert+key),
		"the same wrapped":         wrap(b64(cert+key), ""),
		"wrapped and indented":     "key: |\n    " + wrap(b64(key), "    "),
		"PEM in base64, cut short": b64(key)[:101],
		"base64 of who knows what": "LS0tLS1CRUdJTiCANARY",
		"base64 behind a comment":  b64("# of etcd\n" + key),
		"base64 behind one byte":   b64("\n" + key),
		"the second byte wrapped":  "key: |\n    " + wrap64(b64(" "+cert+key), "    "),
		"a kubeconfig in base64":   b64("users:\n- user:\n    client-key-data: " + b64(key)),
		"PEM in base64 twice":      b64(b64(key)),
		"PEM in bytes":             "ClientKeyData:" + strings.Trim(fmt.Sprint([]byte(key)), "[]"),
	}
	tails := map[string][]string{}
	for name, text := range all {
		tails[name] = []string{tail(text), b64("canary")[:6]}
	}
	for name, text := range secrets {
		all[name] = text
	}
	for name, text := range all {
		leaks := func(text string) bool { return leaks(text, tails[name]...) }
		if !leaks(text) {
			t.Fatalf("%s: nothing to find in %q", name, text)
		}
		got := String("before: " + text)
		if again := String(got); again != got {
			t.Errorf("%s: %q became %q the second time", name, got, again)
		}
		if leaks(got) || !strings.HasPrefix(got, "before: ") || !strings.Contains(got, Removed) {
			t.Errorf("%s: %q became %q", name, text, got)
		}
		if strings.Contains(name, "without its end") || strings.Contains(name, "cut short") {
			continue // nothing says where it ends
		}
		if got := String(text + "\nafter: all"); leaks(got) || !strings.HasSuffix(got, "after: all") {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	if got := String(`{"client-key-data":"canary","name":"x"}`); got != `{"client-key-data":"`+Removed+`","name":"x"}` {
		t.Error(got)
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, text := range []string{
		"", plain, cert, "certificate-authority-data: " + b64(cert) + "\n    server: https://x:6443",
		"client-certificate-data: " + b64(cert), "wrapped: " + wrap(b64(cert), "") + "\n", "a PRIVATE KEY is missing", "Bearer of news",
		"kubernetes.io/service-account-token", "a.b.c", "abcdefg.0123456789abcdef", "abcdef.0123456789abcdefg", "k8s.gcr.io/pause", "Session-ID:",
		`secret="kube-system/bootstrap-signer" type="*v1.Secret"`, "secretName: etcd-certs-of-the-site", "tokenFile: /var/run/secrets/kubernetes.io/token",
		"--tls-private-key-file=/etc/kubernetes/pki/apiserver.key", "private-key: /etc/kubernetes/pki/apiserver.key", "automountServiceAccountToken: false",
		"token:\n  audience: x", "basic authentication is switched off", "--authorization-mode=Node,RBAC", "registry.k8s.io/pause@sha256:" + strings.Repeat("0a", 32),
		"task-0123456789abcdef0123456789", "disk_0123456789abcdef0123456789", "https://[::1]:2379,https://admin@x", "http://127.0.0.1:8080/path@x",
		b64(plain), "MIIDazCCAlOgAwIBAgIUB", "the private key unfortunately is missing", "45 45 45 45 45", "passwd: files systemd", "certificate key: none",
		"abcdef.0123456789abcde", "ABCDEF.0123456789abcdef", strings.Repeat(".", 100),
	} {
		if got := String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestAKeyWithoutItsEndDoesNotTakeAllThatFollows(t *testing.T) {
	rest := strings.Repeat(plain+"\n", 1000)
	if got := String("-----BEGIN PRIVATE KEY-----\n" + body + rest); leaks(got) || len(got) < len(rest)-blockMax || !strings.HasSuffix(got, plain+"\n") {
		t.Errorf("%d of %d bytes are left", len(got), len(rest))
	}
}

// jumble is a text of many lines with secrets in it.
func jumble(r *rand.Rand, size int) string {
	var all []string
	for _, text := range secrets {
		all = append(all, text, cert, b64(cert), wrap(b64(key), ""), b64(cert+key))
	}
	var out strings.Builder
	for out.Len() < size {
		switch r.Intn(20) {
		case 0:
			out.WriteString(all[r.Intn(len(all))])
		case 1:
			out.WriteString(strings.Repeat(plain, r.Intn(50)))
		default:
			out.WriteString(plain)
		}
		if r.Intn(10) > 0 {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

func TestAStreamGivesWhatTheWholeTextGives(t *testing.T) {
	r := rand.New(rand.NewSource(20191130))
	for range 5 {
		text := jumble(r, 500<<10)
		var got bytes.Buffer
		if err := copyIn(&got, iotest.HalfReader(strings.NewReader(text)), 10<<10+r.Intn(90<<10)); err != nil {
			t.Fatal(err)
		}
		if want := String(text); got.String() != want {
			t.Fatalf("%d bytes, want %d", got.Len(), len(want))
		}
		if n := strings.Count(got.String(), Removed); n < 20 {
			t.Fatalf("only %d secrets in the text: nothing was tested", n)
		}
	}
}

func TestManyMegabytesTakeNoTime(t *testing.T) {
	text := strings.Repeat(plain+"\n", (4<<20)/len(plain)) + key
	long := strings.Repeat(plain, (2<<20)/len(plain)) + key // one line
	half := strings.Repeat("-----BEGIN PRIVATE KEY-----\n", 20_000) + strings.Repeat("-----END PRIVATE KEY-----\n", 20_000)
	began := time.Now()
	for _, s := range []string{text, long, half, strings.Repeat("A", 2<<20) + key} {
		var got bytes.Buffer
		if err := Copy(&got, strings.NewReader(s)); err != nil {
			t.Fatal(err)
		}
		if leaks(got.String()) || strings.Contains(got.String(), "-----BEGIN PRIVATE") {
			t.Error("a secret is left")
		}
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAStreamThatFailsSaysSo(t *testing.T) {
	broken := errors.New("broken")
	if err := Copy(&bytes.Buffer{}, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	for _, size := range []int{10, 3 << 20} {
		if err := Copy(full{}, strings.NewReader(strings.Repeat("x\n", size/2))); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

// keyLine is a line at the beginning or the end of a key.
var keyLine = regexp.MustCompile(`-----(BEGIN|END) [A-Z0-9 ]{0,100}PRIVATE KEY-----`)

// FuzzBytes checks that no private key's first line is left, that a stream gives the same, and that the text is not changed.
func FuzzBytes(f *testing.F) {
	for _, text := range secrets {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got := Bytes(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the text was changed")
		}
		if again := Bytes(got); !bytes.Contains(text, []byte("secret removed")) && !bytes.Equal(again, got) {
			t.Fatalf("%q became %q the second time", got, again)
		}
		if !bytes.Contains(text, []byte(Removed)) && keyLine.Match(got) && !bytes.Contains(got, []byte("LS0t")) {
			t.Fatalf("%q became %q", text, got)
		}
		var stream bytes.Buffer
		if err := copyIn(&stream, bytes.NewReader(text), 16); err != nil || !bytes.Equal(stream.Bytes(), got) {
			t.Fatalf("the stream gives %q, %v; want %q", stream.Bytes(), err, got)
		}
	})
}
