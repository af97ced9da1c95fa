package main

import (
	"slices"

	kustomize "sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// notesTransformations tells whether the resources of the root say what has changed them.
var notesTransformations bool

// Whoever asks kustomize for origins gets transformations as well: each transformer reads and writes the list of all
// earlier ones, on every resource. That takes up to three quarters of a build, and the lists are removed at its end
// unless they were asked for.
func init() {
	marshal := yaml.Marshal
	yaml.Marshal = func(value any) ([]byte, error) {
		if _, is := value.(*kustomize.Transformations); is && !notesTransformations {
			return nil, nil
		}
		return marshal(value)
	}
}

func noteTransformations(metadata []string) {
	notesTransformations = slices.Contains(metadata, types.TransformerAnnotations)
}
