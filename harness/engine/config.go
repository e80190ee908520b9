package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// runtimeName is what `docker info` shows as the default runtime of nov30's own daemon.
const runtimeName = "nov30"

type dockerdConfig struct {
	ExecRoot       string                   `json:"exec-root"`
	PIDFile        string                   `json:"pidfile"`
	Hosts          []string                 `json:"hosts"`
	Containerd     string                   `json:"containerd"`
	Bridge         string                   `json:"bridge"`
	Iptables       bool                     `json:"iptables"`
	AddressPools   []addressPool            `json:"default-address-pools"`
	Runtimes       map[string]runtimeConfig `json:"runtimes"`
	DefaultRuntime string                   `json:"default-runtime"`
	// DNS keeps the containers' questions about outside names on the machine: they go to the container's own loopback,
	// where nobody answers, and fail at once. Names of containers are answered before that.
	DNS []string `json:"dns"`
}

type addressPool struct {
	Base string `json:"base"`
	Size int    `json:"size"`
}

type runtimeConfig struct {
	Path string `json:"path"`
}

// configure writes the configuration files of dockerd and of its containerd.
func (m machine) configure(d daemon, n network, wrapper string) error {
	config := dockerdConfig{
		ExecRoot: d.exec, PIDFile: d.pid, Hosts: []string{"unix://" + d.socket}, Containerd: d.containerd.socket,
		Bridge: n.Bridge, Iptables: !n.Shared,
		AddressPools:   []addressPool{{Base: n.Pool.String(), Size: 24}},
		Runtimes:       map[string]runtimeConfig{runtimeName: {Path: wrapper}},
		DefaultRuntime: runtimeName,
		DNS:            []string{"127.0.0.1"},
	}
	if err := writeJSON(d.config, config); err != nil {
		return err
	}
	if err := writeFile(d.containerd.config, []byte(d.containerd.toml())); err != nil {
		return err
	}
	boot, err := m.read(bootID)
	if err != nil {
		return err
	}
	return writeFile(d.boot, []byte(boot))
}

// toml is containerd's configuration; format version 2 is read by 1.3 and by every later one. The CRI plugin is for
// kubelets: without it containerd needs no CNI.
func (c containerd) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version = 2\nroot = %q\nstate = %q\n", c.root, c.state)
	fmt.Fprintf(&b, "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")
	fmt.Fprintf(&b, "[grpc]\naddress = %q\n", c.socket)
	return b.String()
}

// swapRuntime puts another runtime into the configuration and says whether it was another.
func (m machine) swapRuntime(d daemon, wrapper string) (changed bool, err error) {
	b, err := os.ReadFile(d.config)
	if err != nil {
		return false, err
	}
	var config dockerdConfig
	if json.Unmarshal(b, &config) != nil {
		return false, nil // damaged since; the daemon works, and its next start writes the file anew
	}
	if config.Runtimes[runtimeName].Path == wrapper {
		return false, nil
	}
	config.Runtimes = map[string]runtimeConfig{runtimeName: {Path: wrapper}}
	return true, writeJSON(d.config, config)
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(b, '\n'))
}
