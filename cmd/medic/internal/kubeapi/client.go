package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
)

// Dial opens a connection, as net.Dialer does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client looks at the API. The kubeconfig is read anew for every look: people renew it.
type Client struct {
	Path  string // of the kubeconfig
	Dial  Dial
	Clock clockwork.Clock
}

// Lease is how a node's kubelet says that it lives.
type Lease struct {
	Node     string
	Renewed  time.Time     // by the node's clock
	Duration time.Duration // after this without a renewal the node counts as gone
}

// Status is what one look at the API saw.
type Status struct {
	Code     int               // HTTP status of GET /readyz; 0 when it did not answer
	Failing  []string          // the checks that /readyz names as failed
	Leases   []Lease           // only when LeaseErr is nil
	LeaseErr error             // why the leases could not be read
	Own      *x509.Certificate // the client certificate in the kubeconfig, nil when there is none
}

// Look asks for /readyz and then for the node leases, both on one new connection. The error is a *ConfigError when the
// kubeconfig cannot be used, else the reason why the API did not answer; Own is filled in either case if it is known.
func (c *Client) Look(ctx context.Context) (Status, error) {
	k, err := LoadKubeconfig(c.Path)
	if err != nil {
		return Status{}, err
	}
	s := Status{}
	if k.Client != nil {
		s.Own = k.Client.Leaf
	}
	web, done := c.fresh(k)
	defer done()
	code, body, err := get(ctx, web, k, "/readyz")
	if err != nil {
		return s, err
	}
	s.Code, s.Failing = code, failing(body)
	s.Leases, s.LeaseErr = leases(ctx, web, k)
	return s, nil
}

// NotReadyError is an API that answers, but not with 200.
type NotReadyError struct {
	Code    int
	Failing []string // the checks that /readyz names as failed
}

func (e *NotReadyError) Error() string {
	s := fmt.Sprintf("/readyz answers %d", e.Code)
	if len(e.Failing) > 0 {
		s += ", failing: " + strings.Join(e.Failing, " ")
	}
	return s
}

// Ready asks for /readyz on a new connection and returns nil when the answer is 200, a *NotReadyError when it is another
// one.
func (c *Client) Ready(ctx context.Context) error { return c.ReadyAt(ctx, "") }

// ReadyAt is Ready for the one apiserver at host:port; empty: the server that the kubeconfig names.
func (c *Client) ReadyAt(ctx context.Context, endpoint string) error {
	k, err := LoadKubeconfig(c.Path)
	if err != nil {
		return err
	}
	if endpoint != "" {
		k.Server, k.ServerName = &url.URL{Scheme: "https", Host: endpoint}, ""
	}
	web, done := c.fresh(k)
	defer done()
	code, body, err := get(ctx, web, k, "/readyz")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return &NotReadyError{code, failing(body)}
	}
	return nil
}

// fresh makes an HTTP client with no connection yet; done closes those it has opened.
func (c *Client) fresh(k *Kubeconfig) (web *http.Client, done func()) {
	conf := &tls.Config{RootCAs: k.Roots, ServerName: k.ServerName, Time: c.Clock.Now, MinVersion: tls.VersionTLS12}
	if k.Client != nil {
		conf.Certificates = []tls.Certificate{*k.Client}
	}
	t := &http.Transport{DialContext: c.Dial, TLSClientConfig: conf}
	web = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return web, t.CloseIdleConnections
}

func get(ctx context.Context, web *http.Client, k *Kubeconfig, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.Server.JoinPath(path).String(), nil)
	if err != nil {
		return 0, nil, err
	}
	if k.Token != "" {
		req.Header.Set("Authorization", "Bearer "+k.Token)
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	const most = 8 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	return resp.StatusCode, body, err
}

// failing reads the names out of /readyz lines such as "[-]etcd failed: reason withheld".
func failing(body []byte) []string {
	var out []string
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, "[-]"); ok {
			if name, _, ok := strings.Cut(rest, " "); ok {
				out = append(out, name)
			}
		}
	}
	return out
}

func leases(ctx context.Context, web *http.Client, k *Kubeconfig) ([]Lease, error) {
	code, body, err := get(ctx, web, k, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("the node leases answer %d", code)
	}
	return parseLeases(body)
}

func parseLeases(body []byte) ([]Lease, error) {
	var list struct {
		Kind  string `json:"kind"`
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Renewed time.Time `json:"renewTime"`
				Seconds int64     `json:"leaseDurationSeconds"`
			} `json:"spec"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Kind != "LeaseList" {
		return nil, errors.New("the answer is not a list of leases")
	}
	out := make([]Lease, 0, len(list.Items))
	for _, i := range list.Items {
		l := Lease{Node: i.Metadata.Name, Renewed: i.Spec.Renewed, Duration: time.Duration(i.Spec.Seconds) * time.Second}
		if l.Duration <= 0 || l.Duration > time.Hour {
			l.Duration = 40 * time.Second // the kubelet's default
		}
		out = append(out, l)
	}
	return out, nil
}
