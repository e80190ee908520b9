package snapshot

import (
	"errors"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
)

// currentCertificate is the PEM text of a kubeconfig's client certificate. The parser's own errors may quote the file and
// are left out.
func currentCertificate(text []byte) ([]byte, error) {
	config, err := clientcmd.Load(text)
	if err != nil {
		return nil, errors.New("it is not a kubeconfig that can be read")
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil {
		return nil, fmt.Errorf("the kubeconfig has no context %q, which it says is the current one", config.CurrentContext)
	}
	user := config.AuthInfos[current.AuthInfo]
	switch {
	case user == nil:
		return nil, fmt.Errorf("the kubeconfig has no user %q", current.AuthInfo)
	case len(user.ClientCertificateData) > 0:
		return user.ClientCertificateData, nil
	case user.ClientCertificate != "":
		return nil, fmt.Errorf("the kubeconfig's certificate is in the file %s: ask for that one", user.ClientCertificate)
	}
	return nil, errors.New("the kubeconfig's user has no certificate")
}
