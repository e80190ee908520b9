package nodeimage

import (
	"strings"
	"testing"
)

func TestABuildRemovesTheImagesThatEarlierRecipesMadeOfThatVersion(t *testing.T) {
	recipe, err := LoadRecipe()
	if err != nil {
		t.Fatal(err)
	}
	current := recipe.Ref("v1.34.4")
	inspected := func(ref, version string) string {
		return `'image inspect ` + ref + `') echo '[{"Size":1,"Config":{"Labels":{"nov30.kubernetes":"` + version + `"}}}]'; exit;;
`
	}
	w := buildWorld(t, `'image ls '*) printf 'nov30/node:v1.34.4-old\nnov30/node:v1.34.4-used\nnov30/node:v1.33.1-old\n`+current+`\n'; exit;;
'image rm nov30/node:v1.34.4-used') echo 'image is in use' >&2; exit 1;;
`+inspected("nov30/node:v1.34.4-old", "v1.34.4")+inspected("nov30/node:v1.34.4-used", "v1.34.4")+
		inspected("nov30/node:v1.33.1-old", "v1.33.1")+inspected(current, "v1.34.4"))
	if _, err := w.Build(t.Context(), "v1.34.4"); err != nil {
		t.Fatalf("%v; ran %v", err, w.calls())
	}
	for ref, gone := range map[string]bool{"nov30/node:v1.34.4-old": true, "nov30/node:v1.34.4-used": true, "nov30/node:v1.33.1-old": false, current: false} {
		if w.ran("image rm "+ref) != gone {
			t.Errorf("%s: asked to be removed %v, want %v", ref, !gone, gone)
		}
	}
	if said := strings.Join(w.said, "\n"); !strings.Contains(said, "nov30/node:v1.34.4-used stays") {
		t.Errorf("said %s", said)
	}
}
