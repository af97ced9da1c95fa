package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/crdserverscheme"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// customKinds are the kinds of definitions; what a schema needs is only made for those that resources have.
type customKinds map[schema.GroupVersionKind]func() (*customKind, error)

type customKind struct {
	schema   *structuralschema.Structural
	strategy rest.RESTCreateStrategy
}

// customKindsOf passes over a definition that cannot be read: that is the definition's refusal.
func customKindsOf(definitions []json.RawMessage) customKinds {
	kinds := customKinds{}
	for _, text := range definitions {
		decoded, _, err := legacyscheme.Codecs.UniversalDecoder().Decode(text, nil, nil)
		definition, ok := decoded.(*apiextensions.CustomResourceDefinition)
		if err != nil || !ok {
			continue
		}
		for _, version := range definition.Spec.Versions {
			kind := schema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}
			var made *customKind
			kinds[kind] = func() (*customKind, error) {
				var err error
				if made == nil {
					made, err = newCustomKind(definition, kind)
				}
				return made, err
			}
		}
	}
	return kinds
}

// schemaOf is nil for a kind whose definition cannot be read.
func (kinds customKinds) schemaOf(object *unstructured.Unstructured) *structuralschema.Structural {
	if define := kinds[object.GroupVersionKind()]; define != nil {
		if kind, err := define(); err == nil {
			return kind.schema
		}
	}
	return nil
}

func newCustomKind(definition *apiextensions.CustomResourceDefinition, kind schema.GroupVersionKind) (*customKind, error) {
	described, err := apiextensions.GetSchemaForVersion(definition, kind.Version)
	if err != nil {
		return nil, err
	}
	if described == nil || described.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("%s has no schema", kind)
	}
	structural, err := structuralschema.NewStructural(described.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	structural = structural.DeepCopy()
	if err := structuraldefaulting.PruneDefaults(structural); err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(described.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	subresources, err := apiextensions.GetSubresourcesForVersion(definition, kind.Version)
	if err != nil {
		return nil, err
	}
	if subresources == nil {
		subresources = &apiextensions.CustomResourceSubresources{}
	}
	return &customKind{structural, customresource.NewStrategy(
		crdserverscheme.NewUnstructuredObjectTyper(),
		definition.Spec.Scope == apiextensions.NamespaceScoped,
		kind, validator, nil, structural, subresources.Status, subresources.Scale, nil,
	)}, nil
}

func (kind *customKind) read(text []byte) (runtime.Object, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	structuraldefaulting.PruneNonNullableNullsWithoutDefaults(object.Object, kind.schema)
	structuraldefaulting.Default(object.Object, kind.schema)
	return object, nil
}
