package netreason

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func dialed(err error) error {
	return &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Addr: &net.TCPAddr{Port: 40404}, Err: err}}
}

func TestTextIsStableAndSaysWhatHappened(t *testing.T) {
	expired := x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time 12:00 is after 11:00",
		Cert: &x509.Certificate{Subject: pkix.Name{CommonName: "etcd"}, NotAfter: time.Unix(0, 0)}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{dialed(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "connection refused"},
		{dialed(os.NewSyscallError("connect", syscall.EINVAL)), "no route to host"},
		{dialed(context.DeadlineExceeded), "no answer in time"},
		{dialed(os.ErrDeadlineExceeded), "no answer in time"},
		{&url.Error{Err: io.EOF}, "connection closed by the other side"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "connection closed by the other side"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}, "refused by the other side: tls: expired certificate"},
		{fmt.Errorf("tls: %w", expired), `the served certificate "etcd" is only valid from`},
		{&url.Error{Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, "unknown authority"},
		{tls.RecordHeaderError{Msg: "x"}, "not TLS"},
		{dialed(errors.New("strange")), "strange"},
	} {
		got := Text(c.err)
		if !strings.Contains(got, c.want) || strings.Contains(got, "40404") || strings.Contains(got, "current time") {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
