package redact

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/rand"
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

// wrap breaks a text into lines as base64(1) does.
func wrap(s, indent string) string {
	var lines []string
	for len(s) > 20 {
		lines, s = append(lines, s[:20]), s[20:]
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
		if !bytes.Contains(text, []byte(Removed)) && marker.Match(got) && !bytes.Contains(got, []byte("LS0t")) {
			t.Fatalf("%q became %q", text, got)
		}
		var stream bytes.Buffer
		if err := copyIn(&stream, bytes.NewReader(text), 16); err != nil || !bytes.Equal(stream.Bytes(), got) {
			t.Fatalf("the stream gives %q, %v; want %q", stream.Bytes(), err, got)
		}
	})
}
