package gobuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/semver"
)

// Resolve returns the version of a module to build where want is wanted: want itself if it is served, else the nearest
// that is. A proxy may serve versions that it does not list, so want is asked for before the list is read.
func Resolve(ctx context.Context, module, want string) (string, error) {
	_, err := Download(ctx, module, want)
	if err == nil || ctx.Err() != nil {
		return want, ctx.Err()
	}
	served, listErr := Versions(ctx, module)
	if listErr != nil {
		return "", errors.Join(err, listErr)
	}
	if near := Nearest(served, want); near != "" && near != want {
		return near, nil
	}
	return "", err
}

// Versions lists the versions of a module that the module proxy names, oldest first, pre-releases left out.
func Versions(ctx context.Context, module string) ([]string, error) {
	out, err := run(ctx, os.TempDir(), "list", "-m", "-versions", "-json", module)
	if err != nil {
		return nil, err
	}
	var answer struct{ Versions []string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("versions of %s: %w", module, err)
	}
	var released []string
	for _, v := range answer.Versions {
		if semver.Prerelease(v) == "" {
			released = append(released, v)
		}
	}
	semver.Sort(released)
	return released, nil
}

// Download fetches a module and returns the directory of its source in the module cache.
func Download(ctx context.Context, module, version string) (string, error) {
	out, err := run(ctx, os.TempDir(), "mod", "download", "-json", module+"@"+version)
	if err != nil {
		return "", err
	}
	var answer struct{ Dir, Error string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", fmt.Errorf("download %s@%s: %w", module, version, err)
	}
	if answer.Error != "" || answer.Dir == "" {
		return "", fmt.Errorf("download %s@%s: %s", module, version, answer.Error)
	}
	return answer.Dir, nil
}

// Nearest picks from served what comes closest to want: itself, else the oldest newer patch of the same minor, else the
// newest patch of that minor, else the version of the nearest minor. It returns "" only when nothing is served.
func Nearest(served []string, want string) string {
	best := ""
	for _, v := range served {
		if best == "" || closer(v, best, want) {
			best = v
		}
	}
	return best
}

// closer tells whether a is a better stand-in for want than b.
func closer(a, b, want string) bool {
	da, db := distance(a, want), distance(b, want)
	if da != db {
		return da < db
	}
	newerA, newerB := semver.Compare(a, want) >= 0, semver.Compare(b, want) >= 0
	switch {
	case newerA && newerB:
		return semver.Compare(a, b) < 0
	case !newerA && !newerB:
		return semver.Compare(a, b) > 0
	}
	return newerA
}

// distance counts minors between two versions; another major is further than any minor.
func distance(v, want string) int {
	var a, b [2]int
	fmt.Sscanf(strings.TrimPrefix(v, "v"), "%d.%d", &a[0], &a[1])
	fmt.Sscanf(strings.TrimPrefix(want, "v"), "%d.%d", &b[0], &b[1])
	d := abs(a[1] - b[1])
	return d + 1000*abs(a[0]-b[0])
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
