package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// maxBody bounds what is read of one answer, in bytes. A list of an hour's acknowledged writes is 2 MB.
const maxBody = 16 << 20

// client reaches a cluster's API with the credentials of its kubeconfig and only its CA. It does not use client-go's
// transports, which are cached, reuse connections and retry by themselves: an open connection survives the expiry of every
// certificate (crypto/tls looks at it in the handshake only), and health seen through one means nothing. The zero value is
// ready; the kubeconfig is read once, so that nothing can change the pinned CA during an arm.
type client struct {
	mu   sync.Mutex
	base *url.URL
	tls  *tls.Config
}

// statusError is an answer of the API other than the wanted one.
type statusError struct {
	Code    int
	Message string
}

func (e *statusError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("status %d: %s", e.Code, e.Message), ": ")
}

// isStatus says whether err is an answer with that HTTP status.
func isStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.Code == code
}

// open returns the base URL and a TLS configuration of its own for one connection.
func (a *client) open(kubeconfig string) (*url.URL, *tls.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tls == nil {
		base, conf, err := pinned(kubeconfig)
		if err != nil {
			return nil, nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
		}
		a.base, a.tls = base, conf
	}
	return a.base, a.tls.Clone(), nil
}

// pinned reads server, CA and client certificate. What would weaken the probe is refused: a missing CA would mean the
// machine's own CAs, and a missing client certificate an anonymous probe that never notices an expired one.
func pinned(kubeconfig string) (*url.URL, *tls.Config, error) {
	if kubeconfig == "" {
		return nil, nil, errors.New("the cluster names none")
	}
	raw, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config, err := clientcmd.NewDefaultClientConfig(*raw, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, nil, err
	}
	base, err := url.Parse(config.Host)
	switch {
	case err != nil:
		return nil, nil, err
	case base.Scheme != "https":
		return nil, nil, fmt.Errorf("server %s is not https", config.Host)
	case config.Insecure || len(config.CAData) == 0 && config.CAFile == "":
		return nil, nil, errors.New("it pins no CA: certificate-authority-data is needed")
	case len(config.CertData) == 0 && config.CertFile == "":
		return nil, nil, errors.New("it has no client certificate: client-certificate-data is needed")
	}
	conf, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, nil, err
	}
	return base, conf, nil
}

// call is one request to the API.
type call struct {
	method, path string
	in           any // marshalled as JSON; nil for none
	want         int // the status that is success
	out          any // decoded from JSON; a *string takes the text as it is; nil for none
}

// do makes one request over a new connection and returns the answer's header.
func (a *client) do(ctx context.Context, kubeconfig string, c call) (http.Header, error) {
	base, conf, err := a.open(kubeconfig)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if c.in != nil {
		text, err := json.Marshal(c.in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, base.String()+c.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	status, header, text, err := roundTrip(req, conf)
	if err != nil {
		return nil, err
	}
	if status != c.want {
		return nil, &statusError{status, message(text)}
	}
	return header, decode(text, c.out)
}

// roundTrip makes one request over a connection of its own: nothing is kept, resumed, proxied or followed.
func roundTrip(req *http.Request, conf *tls.Config) (int, http.Header, []byte, error) {
	transport := &http.Transport{
		DialContext:       (&net.Dialer{}).DialContext,
		TLSClientConfig:   conf,
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	req.Header.Set("User-Agent", "nov30-probe")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return resp.StatusCode, nil, nil, fmt.Errorf("%s %s: status %d, then: %w", req.Method, req.URL.Path, resp.StatusCode, err)
	}
	if len(text) > maxBody {
		return resp.StatusCode, nil, nil, fmt.Errorf("%s %s: the answer is longer than %d bytes", req.Method, req.URL.Path, maxBody)
	}
	return resp.StatusCode, resp.Header, text, nil
}

func decode(text []byte, out any) error {
	switch out := out.(type) {
	case nil:
		return nil
	case *string:
		*out = string(text)
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the answer is not what the API answers: %w", err)
	}
	return nil
}

// message is the reason in the body of an error: a Status's message, the failed checks of /readyz (its lines that begin
// with [-]), or the first line of anything else.
func message(text []byte) string {
	var s metav1.Status
	if err := json.Unmarshal(text, &s); err == nil && s.Kind == "Status" {
		return s.Message
	}
	var failed []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if len(failed) > 0 {
		return strings.Join(failed, ", ")
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line[:min(len(line), 120)]
}
