package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// bridges are the interfaces of the daemon that exist: its own and those of its networks. A network's bridge is known by
// the network's id, which dockerd's store of networks holds; it can be read when dockerd is dead.
func (m machine) bridges(ctx context.Context, d daemon, n network) ([]string, error) {
	out, err := m.run(ctx, nil, nil, "ip", "-json", "link", "show")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name string `json:"ifname"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("ip -json link: %w", err)
	}
	store, err := m.read(filepath.Join(d.data, "network/files/local-kv.db"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, link := range list {
		id, _ := strings.CutPrefix(link.Name, "br-")
		if link.Name == n.Bridge || ofNetwork(link.Name) && strings.Contains(store, id) {
			names = append(names, link.Name)
		}
	}
	return names, nil
}

// networkBridge is how dockerd names the bridge of a network: by the first twelve digits of its id.
var networkBridge = regexp.MustCompile(`^br-[0-9a-f]{12}$`)

func ofNetwork(device string) bool { return networkBridge.MatchString(device) }
