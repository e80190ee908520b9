package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/nov30/nov30/harness/cluster"
)

// Site asks for the website as its users do: HTTP through nginx over a new connection. Green is status 200 with the nonce
// of the run; another page with status 200 is red.
type Site struct{ url, nonce string }

// NewSite makes the probe of the site at url, whose answers must carry nonce.
func NewSite(url, nonce string) *Site {
	return &Site{url: url, nonce: nonce}
}

func (*Site) String() string { return NameSite }

// Check asks once.
func (p *Site) Check(ctx context.Context, _ cluster.Cluster) error {
	if p.nonce == "" {
		return errors.New("the site probe has no nonce to look for")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	status, _, text, err := roundTrip(req, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return &statusError{Code: status}
	}
	var answer struct{ Nonce string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Nonce != p.nonce {
		return fmt.Errorf("status 200 without the nonce of the run: %q answered", short(string(text), 80))
	}
	return nil
}
