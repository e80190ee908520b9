package look

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

// server serves TLS with a certificate and asks for a client certificate as etcd does.
func server(t *testing.T, p *testpki.Pair, version uint16) string {
	t.Helper()
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MaxVersion: version}
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func TestServedShowsTheCertificateWhateverItIsWorth(t *testing.T) {
	now := time.Now()
	ca := testpki.NewAuthority(t, "ca", testpki.Life{From: now.Add(-3 * time.Hour), To: now.Add(time.Hour)})
	for name, life := range map[string]testpki.Life{
		"expired":       {From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)},
		"not yet valid": {From: now.Add(time.Hour), To: now.Add(2 * time.Hour)},
		"valid":         {From: now.Add(-time.Hour), To: now.Add(time.Hour)},
	} {
		p := ca.Issue(t, "etcd", life, "127.0.0.1")
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			chain, err := Served(context.Background(), new(net.Dialer).DialContext, server(t, p, version))
			if err != nil || len(chain) == 0 || !chain[0].Equal(p.Cert) {
				t.Errorf("%s, TLS %x: %v, %v", name, version, chain, err)
			}
		}
	}
}

func TestServedTellsSilenceAndOtherProtocolsFromTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Served(ctx, new(net.Dialer).DialContext, l.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	l.Close()
	if _, err := Served(context.Background(), new(net.Dialer).DialContext, l.Addr().String()); err == nil {
		t.Error("a closed port served something")
	}
}

func TestALookThatHangsDelaysNoOtherAndNoRound(t *testing.T) {
	clock := clockwork.NewFakeClock()
	release := make(chan struct{})
	hangs := &sampler[int]{clock: clock, timeout: time.Minute, look: func(context.Context) (int, error) { <-release; return 1, nil }}
	first := hangs.start(context.Background())
	if again := hangs.start(context.Background()); again != first {
		t.Error("a second look began while the first was under way")
	}
	if hangs.result().Known() {
		t.Error("a look that has not ended has an outcome")
	}
	clock.Advance(time.Second)
	close(release)
	<-first
	if r := hangs.result(); r.Value != 1 || !r.At.After(r.Began) {
		t.Errorf("%+v", r)
	}
}

type silent struct{}

func (silent) Exec(ctx context.Context, _ string, _ io.Reader, _ ...string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRoundEndsWithItsBudgetAndSaysThatItIsNotComplete(t *testing.T) {
	clock := clockwork.NewFakeClock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	tg := target.Target{Kubeconfig: "/nowhere", Nodes: []target.Node{{Name: "cp", Role: target.ControlPlane}}}
	l := New(tg, silent{}, &kubeapi.Client{Path: "/nowhere", Dial: dial, Clock: clock}, dial, clock)
	got := make(chan Snapshot)
	go func() { got <- l.Round(ctx, time.Second) }()
	if err := clock.BlockUntilContext(ctx, 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	s := <-got
	if s.Complete() || s.Nodes[0].Files.Known() || len(s.Nodes[0].Ports) != 4 {
		t.Errorf("%+v", s)
	}
}
