package experiment

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
)

// Choices are what a user chooses of a run.
type Choices struct {
	Tool    tool.Tool
	Arms    []slo.Arm // empty: all that a pass needs
	Exposed bool      // the tool runs even where nov30's state cannot be hidden from it
	Keep    KeepPolicy
	Clean   CleanPolicy
	// Clusters is how many clusters a process may have at the same time: with two, the next one is made or rewound while one is
	// in use; with one it is rewound when its arm has ended. 0: as many as the machine can bear.
	Clusters   int
	Kubernetes string // version
}

// Choose reads the user's choices, all empty by default: a tool file, arms, a policy, a version, how arms come by clean clusters, and by how many. Programs of the tool are
// looked for in dirs, then in PATH. The error names everything that is wrong.
func Choose(toolFile, arms, keep, kubernetes, clean, clusters string, dirs ...string) (Choices, error) {
	var c Choices
	var errs []error
	check := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	var err error
	c.Arms, err = ParseArms(arms)
	check("arms", err)
	c.Keep, err = ParseKeep(keep)
	check("keep", err)
	c.Clean, err = ParseClean(clean)
	check("clean", err)
	c.Clusters, err = ParseClusters(clusters)
	check("clusters", err)
	c.Kubernetes, err = nodeimage.VersionOr(kubernetes)
	check("kubernetes", err)
	c.Tool, err = LoadTool(toolFile, dirs...)
	check("tool", err)
	return c, errors.Join(errs...)
}

// CleanPolicy says how arms come by clean clusters.
type CleanPolicy string

// The policies.
const (
	CleanRewind CleanPolicy = ""       // used ones are rewound and proven; new ones are started golden
	CleanGolden CleanPolicy = "golden" // each arm has a new one, started golden
	CleanNew    CleanPolicy = "new"    // each arm has a new one, made by kubeadm
)

// ParseClean reads a policy.
func ParseClean(s string) (CleanPolicy, error) {
	if s == "rewind" {
		return CleanRewind, nil
	}
	if c := CleanPolicy(s); slices.Contains([]CleanPolicy{CleanRewind, CleanGolden, CleanNew}, c) {
		return c, nil
	}
	return "", fmt.Errorf("%q: rewind, golden, new, or nothing, which is rewind", s)
}

// ParseClusters reads how many clusters may exist at the same time; empty means as many as the machine can bear.
func ParseClusters(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > clustersMax {
		return 0, fmt.Errorf("%q: a number from 1 to %d, or nothing", s, clustersMax)
	}
	return n, nil
}

// clustersMax is more than one arm at a time can use.
const clustersMax = 4

// KeepPolicy says which clusters outlive their arm.
type KeepPolicy string

// The policies.
const (
	KeepNever     KeepPolicy = ""
	KeepOnFailure KeepPolicy = "on-failure"
	KeepAlways    KeepPolicy = "always"
)

// ParseKeep reads a policy.
func ParseKeep(s string) (KeepPolicy, error) {
	if k := KeepPolicy(s); slices.Contains([]KeepPolicy{KeepNever, KeepOnFailure, KeepAlways}, k) {
		return k, nil
	}
	return "", fmt.Errorf("%q: on-failure, always, or nothing", s)
}

// ParseArms reads a comma-separated list of arms; empty means all that a pass needs.
func ParseArms(s string) ([]slo.Arm, error) {
	var arms []slo.Arm
	for _, name := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		if a := slo.Arm(name); !slices.Contains(armsOfAPass, a) {
			return nil, fmt.Errorf("%q is no arm; the arms are %v", name, armsOfAPass)
		} else if !slices.Contains(arms, a) {
			arms = append(arms, a)
		}
	}
	return arms, nil
}

// LoadTool reads a tool file; an empty path is the reference tool, medic. Programs are looked for in dirs, then in PATH.
func LoadTool(path string, dirs ...string) (tool.Tool, error) {
	if path != "" {
		return tool.Load(path, dirs...)
	}
	text, err := toolsfs.FS.ReadFile("medic.yaml")
	if err != nil {
		return tool.Tool{}, err
	}
	t, err := tool.Parse(text)
	if err == nil {
		err = t.Resolve(".", dirs...)
	}
	return t, err
}
