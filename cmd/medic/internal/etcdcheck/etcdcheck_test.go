package etcdcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

// check returns a client of the test cluster's etcd with a client certificate of that life.
func check(t *testing.T, c *testcluster.Cluster, life testpki.Life) *Client {
	t.Helper()
	p := c.EtcdCA.Issue(t, "client", life)
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Endpoint: testcluster.Address + ":2379", Cert: pair, Roots: []*x509.Certificate{c.EtcdCA.Cert}, Dial: c.Dial, Clock: c.Clock}
}

func TestCheckLeavesNothingBehind(t *testing.T) {
	c := testcluster.New(t)
	if err := check(t, c, c.Valid()).Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	if keys := c.Keys(); len(keys) != 0 {
		t.Errorf("left in etcd: %v", keys)
	}
}

func TestCheckFindsAnEtcdThatForgets(t *testing.T) {
	c := testcluster.New(t)
	c.Forget = true
	if err := check(t, c, c.Valid()).Check(context.Background()); err == nil || !strings.Contains(err.Error(), "delete") {
		t.Errorf("got %v", err)
	}
}

func TestCheckFindsExpiredCertificatesOnEitherSide(t *testing.T) {
	c := testcluster.New(t)
	if err := check(t, c, c.Expired()).Check(context.Background()); err == nil {
		t.Error("an expired client was taken")
	}
	c.Sign("etcd/server", c.Expired())
	if err := check(t, c, c.Valid()).Check(context.Background()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired server: %v", err)
	}
}

func TestCheckRefusesAServerOfAnotherAuthority(t *testing.T) {
	c := testcluster.New(t)
	k := check(t, c, c.Valid())
	k.Roots = []*x509.Certificate{c.CA.Cert}
	if err := k.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
}

func TestStatusIsAFailureUnlessItIsZero(t *testing.T) {
	for _, c := range []struct {
		header, trailer http.Header
		says            string
	}{
		{nil, http.Header{"Grpc-Status": {"0"}}, ""},
		{http.Header{"Grpc-Status": {"14"}, "Grpc-Message": {"no%20leader"}}, nil, "status 14: no leader"},
		{nil, http.Header{"Grpc-Status": {"8"}, "Grpc-Message": {"100%"}}, "status 8: 100%"},
		{nil, nil, "no gRPC status"},
	} {
		err := status(&http.Response{Header: c.header, Trailer: c.trailer})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v %v: got %v", c.header, c.trailer, err)
		}
	}
}

func TestUnframeTakesOneWholeUncompressedMessage(t *testing.T) {
	if got, err := unframe(frame([]byte("abc"))); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {0, 0, 0, 0}, {0, 0, 0, 0, 2, 1}, {1, 0, 0, 0, 1, 1}, {0, 0xff, 0xff, 0xff, 0xff}} {
		if _, err := unframe(bad); err == nil {
			t.Errorf("took %v", bad)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{0x12, 0x04, 0x2a, 0x02, 'h', 'i'})
	f.Add([]byte{0x10, 0x01})
	f.Fuzz(func(t *testing.T, msg []byte) {
		v, err := rangeValue(msg)
		if err == nil && !bytes.Contains(msg, v) {
			t.Fatalf("%q is not in %q", v, msg)
		}
		_, _ = deleted(msg)
	})
}
