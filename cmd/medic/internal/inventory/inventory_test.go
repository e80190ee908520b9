package inventory_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

// read runs the real command of Argv on a node of the test cluster.
func read(t *testing.T, c *testcluster.Cluster, node string) []byte {
	t.Helper()
	out, err := c.Transport().Exec(context.Background(), node, nil, inventory.Argv()...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestInventoryNamesTheOwnerOfEveryFile(t *testing.T) {
	c := testcluster.New(t)
	c.Write(testcluster.ControlPlane, "/etc/kubernetes/pki/other.crt", c.CA.CertPEM)
	files, err := inventory.Parse("cp", read(t, c, testcluster.ControlPlane))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		if f.Problem != "" {
			t.Errorf("%s: %s", f.Path, f.Problem)
		}
		if f.Leaf() != nil {
			got = append(got, f.Culprit)
		}
	}
	slices.Sort(got)
	want := []string{"admin", "apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "ca", "controller-manager", "etcd/ca",
		"etcd/healthcheck-client", "etcd/peer", "etcd/server", "front-proxy-ca", "front-proxy-client", "kubelet-client@cp",
		"kubelet-serving@cp", "pki/other", "scheduler", "super-admin"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestInventoryLeavesEveryPrivateKeyInTheNode(t *testing.T) {
	c := testcluster.New(t)
	mixed := append(append([]byte("-----BEGIN CERTIFICATE-----\n"), c.CA.KeyPEM...), c.CA.CertPEM...)
	c.Write(testcluster.ControlPlane, "/etc/kubernetes/pki/mixed.crt", mixed)
	flow := "users: [{user: {client-certificate-data: QUJD, client-key-data: SECRETSECRET}}]\n  client-certificate-data: QUJD, client-key-data: SECRETSECRET\n"
	c.Write(testcluster.ControlPlane, "/etc/kubernetes/flow.conf", []byte(flow))
	for _, node := range []string{testcluster.ControlPlane, testcluster.Worker} {
		out := read(t, c, node)
		if bytes.Contains(out, []byte("PRIVATE")) || bytes.Contains(out, []byte("SECRET")) || bytes.Contains(out, []byte("client-key")) {
			t.Errorf("a key left %s:\n%s", node, out)
		}
		pem := string(c.Read(node, "/var/lib/kubelet/pki/kubelet-client-current.pem"))
		key := strings.Split(pem[strings.Index(pem, "PRIVATE KEY-----\n")+17:], "\n")[0]
		if len(key) < 40 || bytes.Contains(out, []byte(key)) {
			t.Errorf("the kubelet's key left %s", node)
		}
	}
	for _, secret := range [][]byte{c.CA.KeyPEM, []byte(base64.StdEncoding.EncodeToString(c.CA.KeyPEM))} {
		if line := bytes.Split(secret, []byte("\n")); bytes.Contains(read(t, c, testcluster.ControlPlane), line[len(line)/2]) {
			t.Error("the authority's key left the node")
		}
	}
}

func TestOfAManifestOnlyItsPresenceLeavesTheNode(t *testing.T) {
	c := testcluster.New(t)
	secret := append([]byte("env: SECRETSECRET\nclient-certificate-data: SECRET\n"), c.CA.CertPEM...)
	c.Write(testcluster.ControlPlane, inventory.APIServerManifest, secret)
	before := read(t, c, testcluster.ControlPlane)
	if bytes.Contains(before, []byte("SECRET")) {
		t.Errorf("a manifest's content left the node:\n%s", before)
	}
	files, err := inventory.Parse("cp", before)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == inventory.APIServerManifest && (len(f.Certs) > 0 || f.Problem != "") {
			t.Errorf("%+v", f)
		}
	}
	if inventory.LacksAPIServer(files) {
		t.Error("the manifest that is there is missed")
	}
	c.Remove(testcluster.ControlPlane, inventory.APIServerManifest)
	if files, err = inventory.Parse("cp", read(t, c, testcluster.ControlPlane)); err != nil || !inventory.LacksAPIServer(files) {
		t.Errorf("%v: the manifest that is gone is not missed", err)
	}
	if files, err = inventory.Parse("w", read(t, c, testcluster.Worker)); err != nil || inventory.LacksAPIServer(files) {
		t.Errorf("%v: a worker, which has no static pods, misses an apiserver", err)
	}
}

func TestInventoryFollowsAKubeconfigToItsCertificate(t *testing.T) {
	c := testcluster.New(t)
	p := c.CA.Issue(t, "x", c.Valid())
	c.Write(testcluster.Worker, "/var/lib/elsewhere.pem", p.CertPEM)
	c.Write(testcluster.Worker, "/etc/kubernetes/kubelet.conf", fmt.Appendf(nil, "    client-certificate: %q\n", c.Path(testcluster.Worker, "/var/lib/elsewhere.pem")))
	files, err := inventory.Parse("w", read(t, c, testcluster.Worker))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == "/var/lib/elsewhere.pem" && f.Culprit == "kubelet-client@w" && f.Known && f.Leaf().Equal(p.Cert) {
			return
		}
	}
	t.Errorf("not in the inventory: %+v", files)
}

func TestInventoryKeepsOldRotatedKubeletCertificatesOut(t *testing.T) {
	c := testcluster.New(t)
	if out := read(t, c, testcluster.Worker); bytes.Contains(out, []byte("kubelet-client-2020")) {
		t.Error("a rotated certificate, expired by right, is in the inventory")
	}
}

func TestParseRefusesAnInventoryWithoutItsEnd(t *testing.T) {
	out := read(t, testcluster.New(t), testcluster.ControlPlane)
	for _, cut := range []int{0, 1, len(out) / 2, len(out) - len("@end\n")} {
		if _, err := inventory.Parse("cp", out[:cut]); !errors.Is(err, inventory.ErrCut) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestParseSaysWhyAFileHoldsNoCertificate(t *testing.T) {
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	for text, want := range map[string]string{
		"@file /etc/kubernetes/pki/ca.crt\n@end\n":                 "it holds no certificate",
		"@file /etc/kubernetes/pki/ca.crt\n" + broken + "@end\n":   "certificate 1 cannot be read",
		"@file /etc/kubernetes/admin.conf\n@data !!!\n@end\n":      "not base64",
		"@file /etc/kubernetes/admin.conf\n@data QUJD\n@end\n":     "it holds no certificate",
		"@file /etc/kubernetes/kubelet.conf\n@ref /x.pem\n@end\n":  "",
		"@file /etc/kubernetes/manifests/etcd.yaml\n@end\n":        "",
		"@file /etc/kubernetes/bootstrap-kubelet.conf\n@end\nmore": "",
	} {
		files, err := inventory.Parse("n", []byte(text))
		if err != nil || len(files) != 1 || !strings.Contains(files[0].Problem, want) || (want == "") != (files[0].Problem == "") {
			t.Errorf("%q: %v %+v, want %q", text, err, files, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("@file /etc/kubernetes/pki/ca.crt\n-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n@end\n"))
	f.Add([]byte("@file /etc/kubernetes/kubelet.conf\n@ref /a\n@data QUJD\n@file /a\n@end"))
	f.Add([]byte("@ref x\n@data\n@file\n@end\n@file x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := inventory.Parse("n", data)
		if err == nil && !bytes.Contains(data, []byte("@end")) {
			t.Fatal("an inventory without its end was taken")
		}
		for _, file := range files {
			inventory.Deciding(file, time.Unix(0, 0))
		}
	})
}

func TestValidityHasTheBoundsOfX509(t *testing.T) {
	from := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	c := &x509.Certificate{NotBefore: from, NotAfter: to}
	for _, x := range []struct {
		at   time.Time
		want finding.Kind
	}{
		{from.Add(-time.Nanosecond), finding.CertNotYetValid}, {from, ""}, {to.Add(-inventory.Soon), ""},
		{to.Add(-inventory.Soon + time.Second), finding.CertExpiring}, {to, finding.CertExpiring}, {to.Add(time.Nanosecond), finding.CertExpired},
	} {
		if got := inventory.Validity(c, x.at); got != x.want {
			t.Errorf("at %s: %q, want %q", x.at, got, x.want)
		}
		if got := inventory.Usable(c, x.at); got != (x.want == "" || x.want == finding.CertExpiring) {
			t.Errorf("at %s: usable %v", x.at, got)
		}
	}
}

func TestSignedTellsAReplacedAuthorityFromAResignedOne(t *testing.T) {
	now := time.Now()
	life := testpki.Life{From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	ca := testpki.NewAuthority(t, "ca", life)
	leaf := ca.Issue(t, "leaf", testpki.Life{From: now.Add(-time.Hour), To: now.Add(-time.Minute)})
	chain := []*x509.Certificate{leaf.Cert}
	for name, c := range map[string]struct {
		chain, roots []*x509.Certificate
		want         bool
	}{
		"own authority, though expired": {chain, []*x509.Certificate{ca.Cert}, true},
		"same key and subject":          {chain, []*x509.Certificate{ca.Again(t, life).Cert}, true},
		"same subject, another key":     {chain, []*x509.Certificate{testpki.NewAuthority(t, "ca", life).Cert}, false},
		"second in a bundle":            {chain, []*x509.Certificate{testpki.NewAuthority(t, "x", life).Cert, ca.Cert}, true},
		"no authority":                  {chain, nil, false},
		"no chain":                      {nil, []*x509.Certificate{ca.Cert}, false},
		"self-signed":                   {[]*x509.Certificate{ca.Cert}, []*x509.Certificate{ca.Cert}, true},
	} {
		if got := inventory.Signed(c.chain, c.roots); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDecidingTakesTheLongestUsableOfABundle(t *testing.T) {
	now := time.Now()
	old := testpki.NewAuthority(t, "old", testpki.Life{From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)})
	fresh := testpki.NewAuthority(t, "new", testpki.Life{From: now.Add(-time.Hour), To: now.Add(time.Hour)})
	future := testpki.NewAuthority(t, "future", testpki.Life{From: now.Add(time.Hour), To: now.Add(9 * time.Hour)})
	bundle := inventory.File{Culprit: finding.CA, Certs: []*x509.Certificate{old.Cert, fresh.Cert, future.Cert}}
	if got := inventory.Deciding(bundle, now); !got.Equal(fresh.Cert) {
		t.Errorf("got %s", got.Subject.CommonName)
	}
	leaf := inventory.File{Culprit: finding.APIServer, Certs: bundle.Certs}
	if got := inventory.Deciding(leaf, now); !got.Equal(old.Cert) {
		t.Errorf("of a leaf with its chain the leaf decides, got %s", got.Subject.CommonName)
	}
}
