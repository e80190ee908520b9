package kubeapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/netreason"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

func client(c *testcluster.Cluster) *kubeapi.Client {
	return &kubeapi.Client{Path: c.Target.Kubeconfig, Dial: c.Dial, Clock: c.Clock}
}

func TestLookReadsReadyzAndLeases(t *testing.T) {
	c := testcluster.New(t)
	s, err := client(c).Look(context.Background())
	if err != nil || s.Code != 200 || s.LeaseErr != nil || len(s.Leases) != 2 || s.Own == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if l := s.Leases[1]; l.Node != testcluster.Worker || l.Duration != 40*time.Second || c.Clock.Since(l.Renewed) > 10*time.Second {
		t.Errorf("lease %+v", l)
	}
	if err := client(c).Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestLookNamesAnExpiredOrForeignServer(t *testing.T) {
	c := testcluster.New(t)
	c.Sign("apiserver", c.Expired())
	if _, err := client(c).Look(context.Background()); err == nil || !strings.Contains(netreason.Text(err), "only valid from") {
		t.Errorf("expired: %v", err)
	}
	c.Put("apiserver", testpki.NewAuthority(t, "foreign", c.Valid()).Issue(t, "apiserver", c.Valid(), testcluster.Address))
	s, err := client(c).Look(context.Background())
	if !netreason.UnknownAuthority(err) {
		t.Errorf("foreign: %v", err)
	}
	if s.Own == nil {
		t.Error("the bastion's own certificate is known even when the API is not")
	}
}

func TestLookReportsARefusedConnection(t *testing.T) {
	c := testcluster.New(t)
	c.Deaf(testcluster.Address+":6443", true)
	if _, err := client(c).Look(context.Background()); err == nil || netreason.Text(err) != "connection refused" {
		t.Errorf("got %v", err)
	}
}

func TestKubeconfigErrorsSayNothingSecret(t *testing.T) {
	c := testcluster.New(t)
	good, err := os.ReadFile(c.Target.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ from, to, says string }{
		{"current-context: x", "current-context: z", `context "z"`},
		{"cluster: k", "cluster: z", "names a cluster"},
		{"server: https", "server: http", "not an https URL"},
		{"certificate-authority-data: ", "certificate-authority-data: QUJD #", "pins no certificate authority"},
		{"certificate-authority-data: ", "insecure-skip-tls-verify: true\n    x: ", "insecure-skip-tls-verify"},
		{"client-key-data: ", "client-key-data: SECRET= #", "client key: it is not base64"},
		{"client-key-data: ", "client-key-data: QUJDSECRET== #", "client"},
		{"client-certificate-data: ", "client-certificate: /nowhere #", "/nowhere"},
		{"kind: Config", "SECRET\n: {", "not valid YAML"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(strings.Replace(string(good), x.from, x.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := kubeapi.LoadKubeconfig(path)
		var conf *kubeapi.ConfigError
		if !errors.As(err, &conf) || !strings.Contains(err.Error(), x.says) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v, want %q", x.to, err, x.says)
		}
	}
}

func TestKubeconfigFindsFilesBesideItself(t *testing.T) {
	c := testcluster.New(t)
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"ca": c.CA.CertPEM,
		"k":  fmt.Appendf(nil, "current-context: x\ncontexts: [{name: x, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {certificate-authority: ca, server: 'https://h:1'}}]\nusers: [{name: u, user: {token: t}}]\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k, err := kubeapi.LoadKubeconfig(filepath.Join(dir, "k"))
	if err != nil || k.Token != "t" || k.Client != nil || k.Server.Host != "h:1" {
		t.Errorf("%+v, %v", k, err)
	}
}

func FuzzParseKubeconfig(f *testing.F) {
	f.Add([]byte("current-context: x\ncontexts: [{name: x, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: 'https://h:1'}}]\nusers: [{name: u, user: {token: t}}]\n"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := kubeapi.ParseKubeconfig(data, t.TempDir())
		if err == nil && (k.Server == nil || k.Server.Scheme != "https" || k.Roots == nil) {
			t.Fatalf("accepted %+v", k)
		}
	})
}
