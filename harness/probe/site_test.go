package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSiteIsGreenOnlyWithTheNonce(t *testing.T) {
	status, text := 200, ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	p := NewSite(s.URL, "n0nce")
	for _, c := range []struct {
		status     int
		text, want string
	}{
		{200, `{"nonce":"n0nce","pod":"site-1"}`, ""},
		{200, `{"nonce":"another"}`, "without the nonce"},
		{200, `{}`, "without the nonce"},
		{200, ``, "without the nonce"},
		{200, `<html>n0nce? welcome</html>`, "without the nonce"},
		{502, `<html>502 Bad Gateway</html>`, "status 502"},
		{301, ``, "status 301"},
		{201, `{"nonce":"n0nce"}`, "status 201"},
	} {
		status, text = c.status, c.text
		err := p.Check(t.Context(), nil)
		if c.want == "" {
			must(t, err)
			continue
		}
		red(t, err, c.want)
	}
	s.Close()
	red(t, p.Check(t.Context(), nil), "connection refused")
	red(t, NewSite(s.URL, "").Check(t.Context(), nil), "no nonce")
}
