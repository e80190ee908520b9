package probe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func readyz(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	})
}

// red fails the test unless err says want.
func red(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("green; want red with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Fatalf("red with %q; want %q in it", err, want)
	}
}

func TestAPIIsGreenOnlyForStatus200AndOK(t *testing.T) {
	for _, c := range []struct {
		status int
		text   string
		want   string
	}{
		{200, "ok", ""},
		{200, "<html>a login page</html>", "not ok"},
		{200, "", "not ok"},
		{500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n", "status 500: [-]etcd failed: reason withheld"},
		{503, "busy\nvery", "status 503: busy"},
		{401, `{"kind":"Status","message":"Unauthorized"}`, "status 401: Unauthorized"},
		{302, "", "status 302"},
	} {
		s := newAPIServer(t, readyz(c.status, c.text))
		err := new(API).Check(t.Context(), s.cluster(t, s.ca))
		if c.want == "" {
			must(t, err)
			continue
		}
		red(t, err, c.want)
	}
}

func TestAPIIsRedBehindAnotherCA(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	red(t, new(API).Check(t.Context(), s.cluster(t, newAuthority(t))), "certificate signed by unknown authority")
}

func TestAPIIsRedWhenItsCertificateExpired(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	s.serve(s.ca.leaf(t, "kube-apiserver", time.Now().Add(-time.Minute)))
	red(t, new(API).Check(t.Context(), s.cluster(t, s.ca)), "certificate has expired")
}

func TestAPIIsRedWithAnExpiredClientCertificate(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	c := s.cluster(t, s.ca)
	c.kubeconfig = writeKubeconfig(t, s.URL, s.ca, s.ca.leaf(t, "kubernetes-admin", time.Now().Add(-time.Minute)))
	red(t, new(API).Check(t.Context(), c), "certificate")
}

func TestAPIIsRedWhenNobodyListens(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	c := s.cluster(t, s.ca)
	s.Close()
	red(t, new(API).Check(t.Context(), c), "connection refused")
}

func TestEveryCheckMakesANewConnection(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	c := s.cluster(t, s.ca)
	var p API
	for range 20 {
		must(t, p.Check(t.Context(), c))
	}
	if n := s.connections.Load(); n != 20 {
		t.Fatalf("20 checks made %d connections", n)
	}
}

// The state of the night: whoever holds an open connection sees a healthy API, and only a new one tells.
func TestAProbeThatWasGreenTurnsRedAtTheExpiry(t *testing.T) {
	s := newAPIServer(t, readyz(200, "ok"))
	c := s.cluster(t, s.ca)
	var p API
	must(t, p.Check(t.Context(), c))
	s.serve(s.ca.leaf(t, "kube-apiserver", time.Now().Add(-time.Minute)))
	red(t, p.Check(t.Context(), c), "certificate has expired")
}

func TestAWeakKubeconfigIsRefused(t *testing.T) {
	const text = `
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: %q, %s}}]
users: [{name: u, user: {%s}}]
`
	pin, key := "certificate-authority-data: YQ==", "client-certificate-data: YQ==, client-key-data: YQ=="
	for _, c := range []struct{ server, cluster, user, want string }{
		{"https://127.0.0.1:1", "", key, "pins no CA"},
		{"https://127.0.0.1:1", "insecure-skip-tls-verify: true", key, "pins no CA"},
		{"https://127.0.0.1:1", pin, "token: canary", "no client certificate"},
		{"http://127.0.0.1:1", pin, key, "not https"},
		{"https://127.0.0.1:1", pin, key, "root certificates"},
	} {
		path := tempFile(t, fmt.Sprintf(text, c.server, c.cluster, c.user))
		err := new(API).Check(t.Context(), &fakeCluster{kubeconfig: path})
		red(t, err, c.want)
		if strings.Contains(err.Error(), "canary") {
			t.Fatalf("a token is in the error: %v", err)
		}
	}
	red(t, new(API).Check(t.Context(), &fakeCluster{}), "names none")
	red(t, new(API).Check(t.Context(), &fakeCluster{kubeconfig: "/nowhere"}), "/nowhere")
}

func TestAnEnvironmentsProxyIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := newAPIServer(t, readyz(200, "ok"))
	must(t, new(API).Check(t.Context(), s.cluster(t, s.ca)))
}

func TestACheckEndsWithItsContext(t *testing.T) {
	hang := make(chan struct{})
	s := newAPIServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	red(t, new(API).Check(ctx, s.cluster(t, s.ca)), "deadline exceeded")
}
