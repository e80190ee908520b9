package testcluster

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
)

// Process starts or ends a program on the control plane.
func (c *Cluster) Process(name string, runs bool) {
	comm := name[:min(len(name), 15)]
	dir := fmt.Sprintf("/proc/%d", crc32.ChecksumIEEE([]byte(name)))
	if runs {
		c.write(ControlPlane, dir+"/comm", []byte(comm+"\n"))
		return
	}
	if err := os.RemoveAll(c.path(ControlPlane, dir)); err != nil {
		c.t.Fatal(err)
	}
}

// Path is where a node's file lies on this machine.
func (c *Cluster) Path(node, p string) string { return c.path(node, p) }

func (c *Cluster) path(node, p string) string { return filepath.Join(c.root, node, p) }

// Remove removes a file of a node.
func (c *Cluster) Remove(node, path string) {
	c.t.Helper()
	if err := os.Remove(c.path(node, path)); err != nil {
		c.t.Fatal(err)
	}
}

// Write writes a file of a node.
func (c *Cluster) Write(node, path string, data []byte) { c.write(node, path, data) }

func (c *Cluster) write(node, path string, data []byte) {
	c.t.Helper()
	p := c.path(node, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// Read reads a file of a node.
func (c *Cluster) Read(node, path string) []byte {
	c.t.Helper()
	data, err := os.ReadFile(c.path(node, path))
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

// Tree lists a node's files below dir with their content, so that two states can be compared.
func (c *Cluster) Tree(node, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(c.path(node, dir), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		fmt.Fprintf(&b, "%s %x\n", p, data)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return b.String()
}
