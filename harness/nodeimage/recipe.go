// Package nodeimage provides the images that nodes run: an official one where it can be pulled, else one built here from
// Go modules and Debian packages.
package nodeimage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	sitefs "github.com/nov30/nov30/fixtures/site"
)

// Recipe says what an image is made of; see fixtures/nodeimage/recipe.yaml.
type Recipe struct {
	Default       string            `json:"default"`
	Kind          string            `json:"kind"`
	Suite         string            `json:"suite"`
	Packages      []string          `json:"packages"`
	OfficialLacks []string          `json:"officialLacks"`
	Official      map[string]string `json:"official"`

	digest string
}

// LoadRecipe reads the recipe that is part of this program.
func LoadRecipe() (Recipe, error) {
	text, err := nodeimagefs.FS.ReadFile("recipe.yaml")
	if err != nil {
		return Recipe{}, err
	}
	var r Recipe
	if err := yaml.UnmarshalStrict(text, &r); err != nil {
		return Recipe{}, fmt.Errorf("recipe.yaml: %w", err)
	}
	app, err := fs.Sub(sitefs.FS, "app") // the site's program is in the image, its manifests are not
	if err != nil {
		return Recipe{}, err
	}
	r.digest, err = digest(nodeimagefs.FS, app)
	return r, err
}

// Ref is the name of the image of a Kubernetes version: the recipe's digest is part of the tag, so a changed recipe is
// another image.
func (r Recipe) Ref(kubernetes string) string {
	return fmt.Sprintf("%s:%s-%s", Repository, kubernetes, r.digest[:12])
}

// Repository is the name under which node images are kept in the engine.
const Repository = "nov30/node"

// digest covers names and contents of all files; the order is that of fs.WalkDir, which is lexical.
func digest(trees ...fs.FS) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH)
	for _, tree := range trees {
		err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(tree, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%s %d\n", path, len(text))
			h.Write(text)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CheckVersion refuses what is not a complete Kubernetes version such as v1.34.4.
func CheckVersion(v string) error {
	if !semver.IsValid(v) || semver.Canonical(v) != v {
		return fmt.Errorf("%q is not a Kubernetes version; write it in full, for example v1.34.4", v)
	}
	return nil
}

// VersionOr checks the version asked for; none means the recipe's default.
func VersionOr(kubernetes string) (string, error) {
	if kubernetes == "" {
		r, err := LoadRecipe()
		return r.Default, err
	}
	return kubernetes, CheckVersion(kubernetes)
}
