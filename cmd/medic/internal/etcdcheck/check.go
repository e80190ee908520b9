// Package etcdcheck proves that etcd works: a new TLS client puts, gets and deletes a key.
//
// It speaks gRPC itself, over net/http. etcd's JSON gateway would need less code, but the gateway is a client of etcd: it
// keeps a connection of its own, opened with the server's certificate, and after an expiry it waits in a back-off of up
// to two minutes before it tries again, long after etcd serves everybody else.
package etcdcheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
)

// Key is what the check puts: outside /registry, where the apiserver keeps its own. It is always the same one, so that a
// check that was cut off leaves at most one key behind, which the next check deletes.
const Key = "medic/check"

// Client is who checks which etcd.
type Client struct {
	Endpoint string // host:port
	Cert     tls.Certificate
	Roots    []*x509.Certificate // etcd's authority
	Dial     kubeapi.Dial
	Clock    clockwork.Clock
}

// Check puts the key with a random value, gets it, and deletes it, on one new connection. nil means that all three did
// what they say.
func (c *Client) Check(ctx context.Context) error {
	web, done := c.fresh()
	defer done()
	key, value := []byte(Key), []byte(rand.Text())
	put := appendBytes(appendBytes(nil, keyField, key), putValueField, value)
	if _, err := c.call(ctx, web, "Put", put); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	got, getErr := c.get(ctx, web, key)
	if err := c.remove(ctx, web, key); err != nil {
		return errors.Join(getErr, fmt.Errorf("delete of %s: %w", key, err))
	}
	if getErr != nil {
		return fmt.Errorf("get: %w", getErr)
	}
	if !bytes.Equal(got, value) {
		return errors.New("get: what was put is not what came back")
	}
	return nil
}

func (c *Client) get(ctx context.Context, web *http.Client, key []byte) ([]byte, error) {
	msg, err := c.call(ctx, web, "Range", appendBytes(nil, keyField, key))
	if err != nil {
		return nil, err
	}
	return rangeValue(msg)
}

func (c *Client) remove(ctx context.Context, web *http.Client, key []byte) error {
	msg, err := c.call(ctx, web, "DeleteRange", appendBytes(nil, keyField, key))
	if err != nil {
		return err
	}
	n, err := deleted(msg)
	if err == nil && n != 1 {
		err = fmt.Errorf("%d keys were deleted, not 1", n)
	}
	return err
}

func (c *Client) fresh() (web *http.Client, done func()) {
	roots := x509.NewCertPool()
	for _, r := range c.Roots {
		roots.AddCert(r)
	}
	t := &http.Transport{
		DialContext:       c.Dial,
		ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{c.Cert}, Time: c.Clock.Now, MinVersion: tls.VersionTLS12,
		},
	}
	return &http.Client{Transport: t}, t.CloseIdleConnections
}

// call makes one unary gRPC call (the protocol: grpc/doc/PROTOCOL-HTTP2.md).
func (c *Client) call(ctx context.Context, web *http.Client, method string, msg []byte) ([]byte, error) {
	u := url.URL{Scheme: "https", Host: c.Endpoint, Path: "/etcdserverpb.KV/" + method}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(frame(msg)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMessageBytes))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("etcd answers HTTP %d", resp.StatusCode)
	}
	if err := status(resp); err != nil {
		return nil, err
	}
	return unframe(body)
}

// status reads the outcome, which is in the trailer, or in the header of an answer without a message. None is a failure.
func status(resp *http.Response) error {
	for _, h := range []http.Header{resp.Trailer, resp.Header} {
		switch code := h.Get("Grpc-Status"); code {
		case "":
		case "0":
			return nil
		default:
			text, err := url.PathUnescape(h.Get("Grpc-Message"))
			if err != nil {
				text = h.Get("Grpc-Message")
			}
			return fmt.Errorf("etcd answers gRPC status %s: %s", code, text)
		}
	}
	return errors.New("etcd's answer has no gRPC status")
}
