// Package kubeapi looks at the Kubernetes API as the bastion's kubeconfig describes it, each time on a new connection.
package kubeapi

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Kubeconfig is the part of a kubeconfig that medic needs: its current context, resolved.
type Kubeconfig struct {
	Server     *url.URL
	ServerName string // name to verify instead of the server's host; empty: the host
	Roots      *x509.CertPool
	Client     *tls.Certificate // nil when a token is used
	Token      string
}

// ConfigError is a kubeconfig that cannot be used. It says nothing about the API.
type ConfigError struct {
	Path string
	Err  error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("kubeconfig %s: %v", e.Path, e.Err) }

func (e *ConfigError) Unwrap() error { return e.Err }

// LoadKubeconfig reads the kubeconfig at path. Every failure is a *ConfigError.
func LoadKubeconfig(path string) (*Kubeconfig, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &ConfigError{path, err}
	}
	k, err := ParseKubeconfig(data, filepath.Dir(path))
	if err != nil {
		return nil, &ConfigError{path, err}
	}
	return k, nil
}

type rawCluster struct {
	Server   string `json:"server"`
	Name     string `json:"tls-server-name"`
	CA       string `json:"certificate-authority"`
	CAData   string `json:"certificate-authority-data"`
	Insecure bool   `json:"insecure-skip-tls-verify"`
}

type rawUser struct {
	Cert     string `json:"client-certificate"`
	CertData string `json:"client-certificate-data"`
	Key      string `json:"client-key"`
	KeyData  string `json:"client-key-data"`
	Token    string `json:"token"`
}

type rawConfig struct {
	Current  string `json:"current-context"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string     `json:"name"`
		Cluster rawCluster `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string  `json:"name"`
		User rawUser `json:"user"`
	} `json:"users"`
}

// ParseKubeconfig reads a kubeconfig; files it names are looked for below dir. It must pin a certificate authority.
func ParseKubeconfig(data []byte, dir string) (*Kubeconfig, error) {
	var raw rawConfig
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, errors.New("it is not valid YAML") // the parser's own text may quote a secret
	}
	cluster, user, err := raw.current()
	if err != nil {
		return nil, err
	}
	k := &Kubeconfig{ServerName: cluster.Name, Token: user.Token}
	if k.Server, err = url.Parse(cluster.Server); err != nil || k.Server.Scheme != "https" || k.Server.Host == "" {
		return nil, fmt.Errorf("server %q is not an https URL", cluster.Server)
	}
	if err := k.pin(cluster, dir); err != nil {
		return nil, err
	}
	if err := k.identify(user, dir); err != nil {
		return nil, err
	}
	return k, nil
}

func (r rawConfig) current() (rawCluster, rawUser, error) {
	for _, c := range r.Contexts {
		if c.Name != r.Current {
			continue
		}
		for _, cl := range r.Clusters {
			for _, u := range r.Users {
				if cl.Name == c.Context.Cluster && u.Name == c.Context.User {
					return cl.Cluster, u.User, nil
				}
			}
		}
		return rawCluster{}, rawUser{}, fmt.Errorf("context %q names a cluster or a user that is not in it", c.Name)
	}
	return rawCluster{}, rawUser{}, fmt.Errorf("its current context %q is not in it", r.Current)
}

func (k *Kubeconfig) pin(c rawCluster, dir string) error {
	if c.Insecure {
		return errors.New("insecure-skip-tls-verify is set: medic only trusts a pinned certificate authority")
	}
	ca, err := content(c.CAData, c.CA, dir)
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	k.Roots = x509.NewCertPool()
	if !k.Roots.AppendCertsFromPEM(ca) {
		return errors.New("it pins no certificate authority")
	}
	return nil
}

func (k *Kubeconfig) identify(u rawUser, dir string) error {
	cert, err := content(u.CertData, u.Cert, dir)
	if err != nil {
		return fmt.Errorf("client certificate: %w", err)
	}
	key, err := content(u.KeyData, u.Key, dir)
	if err != nil {
		return fmt.Errorf("client key: %w", err)
	}
	if len(cert) == 0 && len(key) == 0 {
		if u.Token == "" {
			return errors.New("its user has neither a client certificate nor a token")
		}
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return errors.New("its client certificate and key cannot be used together")
	}
	k.Client = &pair
	return nil
}

// content returns what is embedded or else what the named file holds.
func content(embedded, file, dir string) ([]byte, error) {
	if embedded != "" {
		data, err := base64.StdEncoding.DecodeString(embedded)
		if err != nil {
			return nil, errors.New("it is not base64")
		}
		return data, nil
	}
	if file == "" {
		return nil, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return os.ReadFile(file)
}
