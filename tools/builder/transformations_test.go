package main

import (
	"testing"

	kustomize "sigs.k8s.io/kustomize/api/resource"
)

func TestTransformationsAreNotedOnlyWhereTheyAreAskedFor(t *testing.T) {
	options, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, metadata := range []string{"[originAnnotations]", "[transformerAnnotations]", "[]"} {
		content := "configMapGenerator: [{name: c}]\nbuildMetadata: " + metadata + "\n"
		root := &request{Folder: "app", contents: map[string][]byte{"app/kustomization.yaml": []byte(content)}}
		if built := buildRoot(root, options); built.Error != "" {
			t.Fatal(built.Error)
		}
		text, err := (&kustomize.Transformations{{Path: "a"}}).String()
		if err != nil || (text != "") != (metadata == "[transformerAnnotations]") {
			t.Errorf("%s: %q %v", metadata, text, err)
		}
	}
}
