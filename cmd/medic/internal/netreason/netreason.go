// Package netreason says in a few stable words why a connection failed. Go's own texts carry the current time and port
// numbers, so the same failure would look like a new one in every round.
package netreason

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Text returns the reason. The same failure always gives the same text.
func Text(err error) string {
	if reason := certificate(err); reason != "" {
		return reason
	}
	for _, e := range errnos {
		if errors.Is(err, e.errno) {
			return e.text
		}
	}
	var nerr net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &nerr) && nerr.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return closed
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return "refused by the other side: " + op.Err.Error()
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "the answer is not TLS"
	}
	return innermost(err).Error()
}

const closed = "connection closed by the other side"

var errnos = []struct {
	errno syscall.Errno
	text  string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	// Whether a close shows as a reset, a broken pipe or an end of file is chance: one failure, one text.
	{syscall.ECONNRESET, closed},
	{syscall.EPIPE, closed},
	{syscall.EHOSTUNREACH, "no route to host"},
	{syscall.ENETUNREACH, "network unreachable"},
	{syscall.EINVAL, "no route to host"}, // what a blackhole route answers
	{syscall.ETIMEDOUT, "no answer in time"},
}

func certificate(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		if invalid.Reason == x509.Expired && invalid.Cert != nil {
			return fmt.Sprintf("the served certificate %q is only valid from %s to %s", invalid.Cert.Subject.CommonName,
				invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
		}
		return invalid.Error()
	}
	if UnknownAuthority(err) {
		return "the served certificate is signed by an unknown authority"
	}
	var host x509.HostnameError
	if errors.As(err, &host) {
		return host.Error()
	}
	return ""
}

// UnknownAuthority tells whether err is a certificate that no trusted authority has signed.
func UnknownAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
