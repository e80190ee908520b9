package nodeimage

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// kubernetesMod is shaped as the go.mod of k8s.io/kubernetes.
const kubernetesMod = `// This is a generated file.
module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

require (
	bitbucket.org/bertimus9/systemstat v0.5.0
	go.etcd.io/etcd/client/v3 v3.6.4
	k8s.io/api v0.0.0
	k8s.io/kube-openapi v0.0.0-20250710124328-f3f2b991d03b
)

require github.com/beorn7/perks v1.0.1 // indirect

replace (
	github.com/example/fork => github.com/example/forked v1.2.3
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/apimachinery => ./staging/src/k8s.io/apimachinery
	k8s.io/local => ./third_party/local
)

replace k8s.io/sample-controller => ./staging/src/k8s.io/sample-controller
`

func TestTheNestedModuleTakesStagingFromWhatIsPublished(t *testing.T) {
	text, err := nestedModule([]byte(kubernetesMod), "v1.34.4")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if mod.Go.Version != "1.24.0" || len(mod.Require) != 1 || mod.Require[0].Mod.String() != "k8s.io/kubernetes@v1.34.4" {
		t.Errorf("go %v, requires %v", mod.Go.Version, mod.Require)
	}
	var got []string
	for _, r := range mod.Replace {
		got = append(got, r.Old.String()+" => "+r.New.String())
	}
	want := []string{"k8s.io/api => k8s.io/api@v0.34.4", "k8s.io/apimachinery => k8s.io/apimachinery@v0.34.4",
		"k8s.io/sample-controller => k8s.io/sample-controller@v0.34.4"}
	if !slices.Equal(got, want) {
		t.Errorf("replaces %q, want %q", got, want)
	}
}

func TestTheNestedModuleOfAPreReleaseRequiresItsPreReleases(t *testing.T) {
	text, err := nestedModule([]byte(kubernetesMod), "v1.35.0-rc.1")
	if err != nil || !strings.Contains(text, "replace k8s.io/api => k8s.io/api v0.35.0-rc.1\n") {
		t.Errorf("%v in\n%s", err, text)
	}
}

func TestAGoModThatIsNoneIsAnError(t *testing.T) {
	for _, text := range []string{"", "module k8s.io/kubernetes\n", "not a go.mod", "module x\n\ngo 1.24\n\nreplace k8s.io/api =>\n"} {
		if mod, err := nestedModule([]byte(text), "v1.34.4"); err == nil {
			t.Errorf("%q became %q", text, mod)
		}
	}
}

func TestVersionFlagsTellBothPackagesTheVersion(t *testing.T) {
	flags := versionFlags("v1.34.4")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, value := range []string{"gitVersion=v1.34.4", "gitMajor=1", "gitMinor=34", "gitTreeState=clean"} {
			if want := "-X " + pkg + "." + value; !slices.Contains(flags, want) {
				t.Errorf("%q is not among %q", want, flags)
			}
		}
	}
	if len(flags) != 8 {
		t.Errorf("%d flags: %q", len(flags), flags)
	}
}

func TestModuleVersionIsTheTagsWithoutItsRevision(t *testing.T) {
	for image, want := range map[string]string{
		"registry.k8s.io/etcd:3.6.5-0":            "v3.6.5",
		"registry.k8s.io/coredns/coredns:v1.12.1": "v1.12.1",
		"localhost:5000/etcd:3.5.21-0":            "v3.5.21",
	} {
		if got := moduleVersion(image); got != want {
			t.Errorf("%s is %s, want %s", image, got, want)
		}
	}
}

func TestKubeadmItselfSaysWhichImagesItStarts(t *testing.T) {
	kube := filepath.Join(t.TempDir(), "kubernetes-v1.34.4")
	write(t, kube, kubeadmScript(allTags...))
	got, err := kubeadmTags(t.Context(), kube, "v1.34.4")
	want := imageTags{apiserver: allTags[0], controllerManager: allTags[1], scheduler: allTags[2], proxy: allTags[3],
		coredns: allTags[4], pause: allTags[5], etcd: allTags[6]}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnImageThatKubeadmDoesNotListIsAnError(t *testing.T) {
	for _, missing := range []int{0, 3, 4, 6} {
		kube := filepath.Join(t.TempDir(), "kubernetes")
		write(t, kube, kubeadmScript(slices.Delete(slices.Clone(allTags), missing, missing+1)...))
		if got, err := kubeadmTags(t.Context(), kube, "v1.34.4"); err == nil {
			t.Errorf("without %s: %+v", allTags[missing], got)
		}
	}
	broken := filepath.Join(t.TempDir(), "kubernetes")
	write(t, broken, "#!/bin/sh\nexit 1\n")
	if _, err := kubeadmTags(t.Context(), broken, "v1.34.4"); err == nil {
		t.Error("a kubeadm that fails gave tags")
	}
}
