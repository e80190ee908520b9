package probe

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nov30/nov30/harness/cluster"
)

// API asks the API server whether it is ready: GET /readyz over a new connection, with the kubeconfig's client certificate
// and its CA only. Anything but status 200 and the text ok is red. The zero value is ready.
type API struct{ client client }

func (*API) String() string { return NameAPI }

// Check asks once.
func (p *API) Check(ctx context.Context, c cluster.Cluster) error {
	var text string
	if _, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodGet, path: "/readyz", want: http.StatusOK, out: &text}); err != nil {
		return err
	}
	if strings.TrimSpace(text) != "ok" {
		return fmt.Errorf("GET /readyz: status 200, but the text is not ok: %q", short(text, 80))
	}
	return nil
}
