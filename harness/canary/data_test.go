package canary

import (
	"errors"
	"maps"
	"testing"
)

func TestACanaryIsTheSameInAnotherProcess(t *testing.T) {
	c := New()
	got, err := FromData(c.SecretData())
	if err != nil || got != c {
		t.Errorf("%v, the same: %v", err, got == c)
	}
}

func TestDataOfNoCanaryIsRefusedAndNotRepeated(t *testing.T) {
	for _, name := range []string{"tls.key", "token", "password"} {
		data := New().SecretData()
		for what, value := range map[string][]byte{"missing": nil, "another": []byte("-----BEGIN X-----\nvery-secret\n-----END X-----\n")} {
			bad := maps.Clone(data)
			bad[name] = value
			if name == "password" && what == "another" {
				continue // any text is one
			}
			if _, err := FromData(bad); !errors.Is(err, ErrNoCanary) || err.Error() != ErrNoCanary.Error() {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
}
