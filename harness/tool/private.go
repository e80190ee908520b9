package tool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// PrivatePrefix begins the name of every tool's private directory.
const PrivatePrefix = "nov30-tool-"

// NewPrivate is the path of a private directory for a tool, which Start makes: whoever must see to it that it goes knows of it
// before.
func NewPrivate() string {
	return filepath.Join(os.TempDir(), PrivatePrefix+strings.ToLower(rand.Text()))
}

// ContextPath is where the tool's own context file will lie in its private directory.
func ContextPath(private string) string { return filepath.Join(private, "context.json") }

// private is a directory of the tool's own with copies of the context file and of the kubeconfig it names. The paths of
// the originals carry the scenario's name, which a tool must not see.
type private struct {
	dir, context, kubeconfig string
	engine                   string // the engine's command
	host, toolHost           string // how the engine is reached, by the harness and by the tool
}

// newPrivate copies what the context file at path needs. Where the engine's socket is hidden, the tool gets it in the
// directory: i learns that it is to be bound there.
func newPrivate(dir, path string, i *isolation) (p private, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("context file: %w", err)
	}
	c, err := parseContext(text)
	if err != nil {
		return p, fmt.Errorf("context file %s: %w", path, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return p, fmt.Errorf("the tool's private directory: %w", err)
	}
	p.dir = dir
	defer func() {
		if err != nil {
			err = errors.Join(err, p.remove())
		}
	}()
	p.engine, p.host = c.Engine.Command, c.Engine.Host
	if socket, ok := strings.CutPrefix(p.host, "unix://"); ok && i.hides(socket) {
		bound, err := p.bind(socket)
		if err != nil {
			return p, err
		}
		i.binds[socket] = bound
		c.Engine.Host = "unix://" + bound
	}
	p.toolHost = c.Engine.Host
	if c.Kubeconfig != "" {
		p.kubeconfig = filepath.Join(p.dir, "kubeconfig")
		if err := copyFile(p.kubeconfig, c.Kubeconfig); err != nil {
			return p, fmt.Errorf("context file %s: kubeconfig: %w", path, err)
		}
		c.Kubeconfig = p.kubeconfig
	}
	p.context = ContextPath(p.dir)
	return p, WriteContext(p.context, c)
}

// socketPathMax is how long the path of a socket may be (unix(7)), without its zero byte.
const socketPathMax = 107

// bind makes the file that the engine's socket is mounted on.
func (p private) bind(socket string) (string, error) {
	if _, err := os.Stat(socket); err != nil {
		return "", fmt.Errorf("the engine's socket: %w", err)
	}
	bound := filepath.Join(p.dir, "engine.sock")
	if len(bound) > socketPathMax {
		return "", fmt.Errorf("%s is too long for a socket, by %d bytes; set TMPDIR to a shorter path", bound, len(bound)-socketPathMax)
	}
	return bound, os.WriteFile(bound, nil, 0o600)
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

func (p private) remove() error { return os.RemoveAll(p.dir) }
