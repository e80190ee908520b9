// Package canary plants secrets in a node that nothing may carry out of it, and searches the outputs of a run for them.
package canary

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// The files that Plant makes on the first control-plane node, for their owner alone. The key lies where a program that
// collects the directory of the certificates finds it, the other where one looks that collects configuration.
const (
	KeyFile = "/etc/kubernetes/pki/nov30-canary.key"
	EnvFile = "/etc/kubernetes/nov30-canary.env"
)

// Canary is a private key, a token and a password, made at random, that open nothing. Printing one shows none of them.
type Canary struct {
	key      string // the base64 of a PEM private key, without line ends; the first keyHead characters are every key's
	token    string // the payload and the signature of a JSON web token
	password string
}

// New makes a canary.
func New() Canary {
	return Canary{key: key(), token: rand.Text() + rand.Text() + "." + rand.Text() + rand.Text() + rand.Text(), password: rand.Text()}
}

// keyHead is how many characters of the base64 of an RSA key hold what all of them begin with: sequence, version 0, the
// modulus' length (RFC 8017, A.1.2).
const keyHead = 16

// key is the base64 of what begins as an RSA key of 2048 bits does and goes on at random.
func key() string {
	der := make([]byte, 1193)
	_, _ = rand.Read(der) // never fails
	copy(der, []byte{0x30, 0x82, 0x04, 0xa5, 0x02, 0x01, 0x00, 0x02, 0x82, 0x01, 0x01, 0x00})
	return base64.StdEncoding.EncodeToString(der)
}

// tokenHead is the header of every token of a service account.
const tokenHead = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."

// SecretData is the canary as the data of a Secret.
func (c Canary) SecretData() map[string][]byte {
	return map[string][]byte{"tls.key": []byte(c.pem()), "token": []byte(tokenHead + c.token), "password": []byte(c.password)}
}

// ErrNoCanary is data that no canary has.
var ErrNoCanary = errors.New("not the data of a canary")

// FromData is the canary that another process made, from its SecretData. The error says nothing of the data.
func FromData(data map[string][]byte) (Canary, error) {
	lines := strings.Split(strings.TrimSpace(string(data["tls.key"])), "\n")
	token, ok := strings.CutPrefix(string(data["token"]), tokenHead)
	if !ok || len(lines) < 3 || token == "" || len(data["password"]) == 0 {
		return Canary{}, ErrNoCanary
	}
	c := Canary{key: strings.Join(lines[1:len(lines)-1], ""), token: token, password: string(data["password"])}
	if len(c.key) <= keyHead || c.pem() != string(data["tls.key"]) {
		return Canary{}, ErrNoCanary
	}
	return c, nil
}

// pem is the key as openssl writes it.
func (c Canary) pem() string {
	const lineLength = 64
	var b strings.Builder
	b.WriteString("-----BEGIN RSA PRIVATE KEY-----\n")
	for rest := c.key; rest != ""; {
		n := min(lineLength, len(rest))
		b.WriteString(rest[:n] + "\n")
		rest = rest[n:]
	}
	b.WriteString("-----END RSA PRIVATE KEY-----\n")
	return b.String()
}

func (c Canary) env() string {
	return "NOV30_CANARY_TOKEN=" + tokenHead + c.token + "\nNOV30_CANARY_PASSWORD=" + c.password + "\n"
}

// Plant writes the canary's files on the first control-plane node of a new cluster. No journal has them: they open nothing, and
// they go with the cluster. No error holds a part of the canary.
func (c Canary) Plant(ctx context.Context, cl node.Cluster) error {
	n, err := node.First(cl, node.ControlPlane)
	if err != nil {
		return fmt.Errorf("canary: %w", err)
	}
	for _, f := range []nodeop.File{{Path: KeyFile, Content: []byte(c.pem()), Mode: 0o600}, {Path: EnvFile, Content: []byte(c.env()), Mode: 0o600}} {
		if err := plant(ctx, n, f); err != nil {
			return fmt.Errorf("canary: %w", err)
		}
	}
	return nil
}

func plant(ctx context.Context, n node.Node, f nodeop.File) error {
	before, err := nodeop.Read(ctx, n, f.Path)
	if err != nil {
		return err
	}
	if !before.Absent {
		return fmt.Errorf("%s: %s is there already, and a new cluster has none", n.Name(), f.Path)
	}
	if err := nodeop.Write(ctx, n, f); err != nil {
		return nodeop.WithoutOutput(err)
	}
	return nodeop.Verify(ctx, n, f)
}

// String names the canary without its secrets; it serves %v and %+v too.
func (c Canary) String() string { return "canary" }

// GoString keeps %#v from printing the secrets.
func (c Canary) GoString() string { return c.String() }

// LogValue keeps slog from printing the secrets.
func (c Canary) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps JSON and YAML from holding the secrets.
func (c Canary) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
