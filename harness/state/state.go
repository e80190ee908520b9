// Package state names the directories in which nov30 keeps what outlives a run.
package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Dir returns the directory of nov30's state, ${XDG_STATE_HOME:-~/.local/state}/nov30, and creates it for its owner alone
// (0700, whatever the umask). getenv is os.Getenv outside tests.
func Dir(getenv func(string) string) (string, error) {
	return directory(getenv, "XDG_STATE_HOME", ".local/state")
}

// CacheDir does what Dir does for what can be made again: ${XDG_CACHE_HOME:-~/.cache}/nov30.
func CacheDir(getenv func(string) string) (string, error) {
	return directory(getenv, "XDG_CACHE_HOME", ".cache")
}

func directory(getenv func(string) string, variable, underHome string) (string, error) {
	base := getenv(variable)
	if base == "" {
		home := getenv("HOME")
		if home == "" {
			return "", fmt.Errorf("neither %s nor HOME is set: set one, nov30 keeps its files there", variable)
		}
		base = filepath.Join(home, underHome)
	}
	if !filepath.IsAbs(base) {
		return "", fmt.Errorf("%s: %q is not an absolute path; set %s (or HOME) to one", variable, base, variable)
	}
	return Make(filepath.Join(base, "nov30"))
}

// Make creates a directory for its owner alone (0700, whatever the umask), with its parents, and returns its path.
func Make(path string) (string, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return "", fmt.Errorf("%s belongs to another user: %w", path, err)
		}
		return "", err
	}
	return path, nil
}
