package main

import (
	"testing"
)

func testTree() *tree {
	r := &request{
		Folder: "app",
		Links:  map[string]string{"app/base": "../shared", "app/loop": "loop", "app/out": "../../etc"},
		contents: map[string][]byte{
			"app/kustomization.yaml":    []byte("resources: [base]\n"),
			"shared/kustomization.yaml": []byte("resources: []\n"),
		},
	}
	return newTree(r, "/scratch")
}

func TestOnlyTheFilesOfTheRequestAreSeen(t *testing.T) {
	for _, name := range []string{"/etc/passwd", "/tree/app/out/passwd", "/tree/absent", "/tree/app/loop"} {
		if testTree().Exists(name) {
			t.Errorf("%s is seen", name)
		}
		if _, err := testTree().ReadFile(name); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestLinksAreFollowed(t *testing.T) {
	folder, file, err := testTree().CleanedAbs("/tree/app/base/kustomization.yaml")
	if err != nil || folder != "/tree/shared" || file != "kustomization.yaml" {
		t.Errorf("%s %s %v", folder, file, err)
	}
	if !testTree().IsDir("/tree/app/base") || testTree().IsDir("/tree/app/kustomization.yaml") {
		t.Error("a link to a folder is a folder, and a file is none")
	}
}

func TestNothingIsRemovedOutsideScratch(t *testing.T) {
	if testTree().RemoveAll("/scratch/../etc") == nil || testTree().RemoveAll("/tree/app") == nil {
		t.Error("it was removed")
	}
}

func TestNestingIsCountedOutsideOfStrings(t *testing.T) {
	for text, expected := range map[string]int{
		`"[[["`: 0, `{}`: 1, `[{"a": [1]}, "]\"["]`: 3, `{"a\\": {"b": {}}}`: 3,
	} {
		if found := nesting([]byte(text)); found != expected {
			t.Errorf("%s: %d instead of %d", text, found, expected)
		}
	}
}

func TestTheOriginIsAskedForInEveryStyle(t *testing.T) {
	for content, expected := range map[string]int{
		"resources: [a]\n":                                1,
		"{resources: [a]}":                                1,
		"resources: [a]\n---\n":                           1,
		"resources: [a]\nbuildMetadata: [managedByLabel]": 2,
		"buildMetadata: [originAnnotations]":              1,
		"resources: [":                                    0,
	} {
		if found := len(buildMetadata(withOrigins([]byte(content)))); found != expected {
			t.Errorf("%q: %d instead of %d", content, found, expected)
		}
	}
}
