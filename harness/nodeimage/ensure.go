package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/engine"
)

// Builder makes node images.
type Builder struct {
	Engine *engine.Engine
	Clock  clockwork.Clock
	// Cache is the directory for what is compiled; it survives a change of the recipe.
	Cache string
	// Offline never tries to pull.
	Offline bool
	// Install installs packages of the distribution; nil means engine.Install.
	Install func(ctx context.Context, progress func(line string), packages ...string) error
	// Progress is told of every step as it begins and, with its time, as it ends. It may be nil.
	Progress func(line string)

	keyring string // the file with Debian's keys; empty means debianKeyring
}

// pullTimeout bounds one attempt to pull an official image, about 1 GB.
const pullTimeout = 10 * time.Minute

// Ensure returns the name of an image of that Kubernetes version: the local one of this recipe, else one derived from
// kind's official image where it can be pulled, else one built here.
func (b Builder) Ensure(ctx context.Context, kubernetes string) (string, error) {
	r, err := LoadRecipe()
	if err != nil {
		return "", err
	}
	if err := CheckVersion(kubernetes); err != nil {
		return "", err
	}
	ref := r.Ref(kubernetes)
	have, err := b.have(ctx, ref)
	if err != nil || have {
		return ref, err
	}
	if official := r.Official[kubernetes]; official != "" && !b.Offline {
		err := b.derive(ctx, r, official, ref)
		if err == nil || ctx.Err() != nil {
			return ref, err
		}
		b.say("no official image (%v); building one", err)
	}
	return ref, b.build(ctx, r, kubernetes, ref)
}

// Build builds the image of that version even where an official one could be pulled or a local one exists.
func (b Builder) Build(ctx context.Context, kubernetes string) (string, error) {
	r, err := LoadRecipe()
	if err != nil {
		return "", err
	}
	if err := CheckVersion(kubernetes); err != nil {
		return "", err
	}
	return r.Ref(kubernetes), b.build(ctx, r, kubernetes, r.Ref(kubernetes))
}

func (b Builder) have(ctx context.Context, ref string) (bool, error) {
	_, err := b.Engine.Run(ctx, nil, "image", "inspect", "--format", "{{.Id}}", ref)
	var failed *engine.CommandError
	if errors.As(err, &failed) && ctx.Err() == nil {
		words := strings.ToLower(string(failed.Stderr))
		if strings.Contains(words, "no such image") || strings.Contains(words, "image not known") { // docker, podman
			return false, nil
		}
	}
	return err == nil, err
}

// Image is one node image in the engine.
type Image struct {
	Ref        string `json:"ref"`
	Kubernetes string `json:"kubernetes"`
	Current    bool   `json:"current"` // made by this program's recipe
	Source     string `json:"source"`  // built, or the official image it derives from
	Size       int64  `json:"size_bytes"`
}

// List returns the node images in the engine.
func (b Builder) List(ctx context.Context) ([]Image, error) {
	r, err := LoadRecipe()
	if err != nil {
		return nil, err
	}
	out, err := b.Engine.Run(ctx, nil, "image", "ls", "--filter", "label="+labelKubernetes, "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		return nil, err
	}
	images := []Image{}
	for _, ref := range strings.Fields(string(out)) {
		if !strings.Contains(ref, Repository+":") {
			continue
		}
		out, err := b.Engine.Run(ctx, nil, "image", "inspect", ref)
		if err != nil {
			return nil, err
		}
		var found []struct {
			Size   int64
			Config struct{ Labels map[string]string }
		}
		if err := json.Unmarshal(out, &found); err != nil || len(found) != 1 {
			return nil, fmt.Errorf("inspect %s: unexpected answer (%v)", ref, err)
		}
		l := found[0].Config.Labels
		images = append(images, Image{Ref: ref, Kubernetes: l[labelKubernetes], Source: l[labelSource],
			Size: found[0].Size, Current: strings.HasSuffix(ref, r.Ref(l[labelKubernetes]))})
	}
	return images, nil
}

func (b Builder) say(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// step runs one named part and tells how long it took.
func (b Builder) step(name string, do func() error) error {
	b.say("%s …", name)
	start := b.Clock.Now()
	err := do()
	took := b.Clock.Since(start).Seconds()
	if err != nil {
		return fmt.Errorf("%s (after %.0f s): %w", name, took, err)
	}
	b.say("%s: %.1f s", name, took)
	return nil
}
