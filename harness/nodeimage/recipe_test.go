package nodeimage

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestTheRecipesKindIsTheOneThatIsLinked(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := LoadRecipe()
	if err != nil {
		t.Fatal(err)
	}
	linked := ""
	for _, r := range mod.Require {
		if r.Mod.Path == "sigs.k8s.io/kind" {
			linked = r.Mod.Version
		}
	}
	if linked == "" || recipe.Kind != linked {
		t.Errorf("the recipe reads kind %q, go.mod requires %q", recipe.Kind, linked)
	}
}

func TestTheRecipesVersionsCanBeAskedForAndOfficialImagesArePinned(t *testing.T) {
	recipe, err := LoadRecipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckVersion(recipe.Default); err != nil {
		t.Errorf("default: %v", err)
	}
	for version, image := range recipe.Official {
		if err := CheckVersion(version); err != nil {
			t.Errorf("official: %v", err)
		}
		rest, ok := strings.CutPrefix(image, "kindest/node:"+version+"@sha256:")
		if !ok || len(rest) != 64 {
			t.Errorf("official image of %s is %s", version, image)
		}
	}
	packages := " " + strings.Join(recipe.Packages, " ") + " "
	for _, p := range recipe.OfficialLacks {
		if !strings.Contains(packages, " "+p+" ") {
			t.Errorf("the official image lacks %s, which a built one does not have either", p)
		}
	}
}

func TestOnlyACompleteVersionIsOne(t *testing.T) {
	for _, v := range []string{"v1.34.4", "v1.34.0", "v1.35.0-rc.1"} {
		if err := CheckVersion(v); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"", "v1", "v1.34", "1.34.4", "v01.34.4", "v1.34.4.1", "v1.34.4+build", "v1.34.4 ", "latest",
		"v1.34.x", "v1.34.4;reboot", "v1.34.4/../../x", "-v1.34.4", "V1.34.4"} {
		if err := CheckVersion(v); err == nil || !strings.Contains(err.Error(), "v1.34.4") {
			t.Errorf("%q: %v, want an error with an example", v, err)
		}
	}
}

func TestRefNamesVersionAndRecipe(t *testing.T) {
	recipe, err := LoadRecipe()
	if err != nil {
		t.Fatal(err)
	}
	ref := recipe.Ref("v1.34.4")
	if want := Repository + ":v1.34.4-" + recipe.digest[:12]; ref != want || len(recipe.digest) != 64 {
		t.Errorf("got %s, want %s", ref, want)
	}
	again, err := LoadRecipe()
	if err != nil || again.Ref("v1.34.4") != ref {
		t.Errorf("the same recipe is %s and %s, %v", ref, again.Ref("v1.34.4"), err)
	}
	if recipe.Ref("v1.33.1") == ref {
		t.Error("two versions have one name")
	}
}

func TestDigestChangesWithNameAndContentAndWithNothingElse(t *testing.T) {
	base := sumOf(t, files("a", "1", "dir/b", "2"))
	if again := sumOf(t, files("dir/b", "2", "a", "1")); again != base {
		t.Error("the order in which files are given changes the digest")
	}
	seen := map[string]string{base: "base"}
	for name, tree := range map[string]map[string]string{
		"content":                {"a": "x", "dir/b": "2"},
		"content of a deep file": {"a": "1", "dir/b": "x"},
		"name":                   {"c": "1", "dir/b": "2"},
		"directory":              {"a": "1", "other/b": "2"},
		"a file more":            {"a": "1", "dir/b": "2", "c": ""},
		"a file less":            {"a": "1"},
		"contents swapped":       {"a": "2", "dir/b": "1"},
		"a boundary moved":       {"a": "1dir/b 1\n2"},
	} {
		var pairs []string
		for k, v := range tree {
			pairs = append(pairs, k, v)
		}
		sum := sumOf(t, files(pairs...))
		if same, ok := seen[sum]; ok {
			t.Errorf("%s: the same digest as %s", name, same)
		}
		seen[sum] = name
	}
	if sumOf(t, files("a", "1"), files("dir/b", "2")) == sumOf(t, files("a", "1")) {
		t.Error("the second tree does not count")
	}
}
