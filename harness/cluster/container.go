package cluster

import (
	"context"
	"encoding/json"
	"fmt"
)

// Container is what the engine gives a node's container, by field: its image, limits, capabilities, mounts, networks with
// addresses, and whether it is paused. Shares of the processor are left out: they say how urgent a cluster is, not what it is.
func (k *Kind) Container(ctx context.Context, node string) (map[string]string, error) {
	out, err := k.provider.Engine.Run(ctx, nil, "inspect", "--type", "container", node)
	if err != nil {
		return nil, err
	}
	var found []struct {
		Image      string
		State      struct{ Paused bool }
		HostConfig map[string]json.RawMessage
		Network    struct {
			Networks map[string]struct{ IPAddress, MacAddress string }
		} `json:"NetworkSettings"`
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found) != 1 || len(found[0].HostConfig) == 0 {
		return nil, fmt.Errorf("inspect %s: unexpected answer (%v)", node, err)
	}
	all := map[string]string{"Image": found[0].Image, "Paused": fmt.Sprint(found[0].State.Paused)}
	for field, value := range found[0].HostConfig {
		if field != "CpuShares" {
			all["HostConfig."+field] = string(value)
		}
	}
	for name, n := range found[0].Network.Networks {
		all["network "+name] = n.IPAddress + " " + n.MacAddress
	}
	return all, nil
}
