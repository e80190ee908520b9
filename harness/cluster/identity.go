package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Identity is what tells a cluster from every other one.
type Identity struct {
	Cluster  string `json:"cluster"`
	Run      string `json:"run"`
	Server   string `json:"server"`    // the API server's URL on this machine
	CASHA256 string `json:"ca_sha256"` // of the CA certificate's DER, hexadecimal
}

// kubeconfigMax is far more than the 6 KiB of a kubeconfig of nov30's, in bytes.
const kubeconfigMax = 1 << 20

// load reads a kubeconfig. A path that cannot be read gives the error of the file system; what can be read and is no
// kubeconfig is foreign.
func load(path string) (*clientcmdapi.Config, error) {
	info, err := os.Stat(path) // before it is opened: a pipe without a writer would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is no regular file", ErrForeign)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, kubeconfigMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > kubeconfigMax {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrForeign, kubeconfigMax)
	}
	return parse(text)
}

// parse leaves the reason out of its error: client-go prints tokens and keys in it.
func parse(text []byte) (*clientcmdapi.Config, error) {
	config, err := clientcmd.Load(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a kubeconfig in YAML or JSON, or it names something twice", ErrForeign)
	}
	return config, nil
}

// ourName is what kind makes a cluster of, with our prefix.
var ourName = regexp.MustCompile(`^` + Prefix + `[a-z0-9.-]+$`)

// identity takes the identity out of a kubeconfig. Only one has it that says no more than kind writes: a name of ours for
// context, cluster and user, a server on loopback, a pinned CA, a certificate for the user. Anything else (a proxy, a
// program that fetches credentials, somebody to impersonate) would take whoever uses the file elsewhere.
func identity(config *clientcmdapi.Config, kubeContext string) (Identity, error) {
	entry := config.Contexts[kubeContext]
	if entry == nil {
		return Identity{}, errors.New("there is no such context")
	}
	name, ok := strings.CutPrefix(kubeContext, "kind-")
	if !ok || !ourName.MatchString(name) || entry.Cluster != kubeContext || entry.AuthInfo != kubeContext {
		return Identity{}, fmt.Errorf("its name, its cluster's and its user's are not that of a cluster of nov30's (kind-%s…)", Prefix)
	}
	if config.CurrentContext != kubeContext {
		return Identity{}, errors.New("it is not the file's current context, which is where whoever is given the file would go; name the cluster's own file")
	}
	if err := checkUser(config.AuthInfos[entry.AuthInfo]); err != nil {
		return Identity{}, err
	}
	server := config.Clusters[entry.Cluster]
	if server == nil {
		return Identity{}, errors.New("its cluster is not in the file")
	}
	if err := checkServer(server.Server); err != nil {
		return Identity{}, err
	}
	if server.InsecureSkipTLSVerify || server.CertificateAuthority != "" || server.ProxyURL != "" || server.TLSServerName != "" {
		return Identity{}, errors.New("its CA is not pinned in the file, or the file has a proxy or another server's name")
	}
	sum, err := caSum(server.CertificateAuthorityData)
	if err != nil {
		return Identity{}, fmt.Errorf("its CA: %w", err)
	}
	if bytes.Count(server.CertificateAuthorityData, []byte("-----BEGIN")) != 1 {
		return Identity{}, errors.New("its CA: there is more than one certificate")
	}
	return Identity{Cluster: name, Server: server.Server, CASHA256: sum}, nil
}

// checkUser accepts the two fields that kind writes. Of the others some are foreign, and some make client-go run a
// program or read a file that the kubeconfig chooses.
func checkUser(user *clientcmdapi.AuthInfo) error {
	switch {
	case user == nil:
		return errors.New("its user is not in the file")
	case user.Exec != nil || user.AuthProvider != nil:
		return errors.New("its user's credentials come from a program")
	case user.ClientCertificate != "" || user.ClientKey != "" || user.TokenFile != "":
		return errors.New("its user's credentials are in another file")
	case user.Token != "" || user.Username != "" || user.Password != "":
		return errors.New("its user has a token or a password, not a certificate")
	case user.Impersonate != "" || user.ImpersonateUID != "" || len(user.ImpersonateGroups)+len(user.ImpersonateUserExtra) > 0:
		return errors.New("its user impersonates another")
	}
	return nil
}

// checkServer accepts https on a port of this machine by its address, because a name may resolve to any other, and
// nothing besides. The error does not repeat a URL that may hold a password.
func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.User != nil {
		return errors.New("its server is no plain URL")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil || !addr.IsLoopback() || addr.Zone() != "" || u.Scheme != "https" || u.Port() == "" || server != "https://"+u.Host {
		return fmt.Errorf("server %.200q is not a port of this machine, or has more than that", u.Scheme+"://"+u.Host)
	}
	return nil
}

// caSum is the SHA-256 of the certificate's DER, which the text around it in the file does not change.
func caSum(text []byte) (string, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", errors.New("not a certificate in PEM")
	}
	s := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(s[:]), nil
}
